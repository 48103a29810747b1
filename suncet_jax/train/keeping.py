"""The classifier that a finished run keeps: chosen, calibrated, written."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from suncet_jax import lora, plugins
from suncet_jax.console.words import counted
from suncet_jax.convert import adapters, files
from suncet_jax.convert.run import ADAPTERS_FILE, CLASSIFIER_FILE
from suncet_jax.convert.weights import (
  FORMAT,
  Classifier,
  ConvertError,
  digest_of,
)
from suncet_jax.devices.processes import is_first, value_from_first
from suncet_jax.evals.accuracy import topk_accuracy
from suncet_jax.evals.calibration import calibration, fit_temperature
from suncet_jax.train.candidates import Candidate, candidates
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.monitor import print_once
from suncet_jax.train.state import TrainState
from suncet_jax.workdir.digest import tree_digest
from suncet_jax.workdir.folder import RunFolder

# Where no validation image decides; after the method's own way to classify.
_DEFAULT_ORDER = ("finetune", "classifier", "linear")


def keep_classifier(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  state: TrainState,
  done: Mapping[str, float],
) -> dict[str, Any]:
  """Keeps the best-founded classifier of a run in its folder.

  Candidates are those that the final evaluations make anyway. Accuracy on the
  validation images chooses; without any, the first of a stated order is taken.
  Test images never decide.

  Args:
    experiment: Experiment that was run.
    folder: Folder of the run.
    evaluator: Evaluator of the experiment.
    state: Last state.
    done: Accuracies of the final evaluations, by name.

  Returns:
    What result.json says of it; of a run without one {"none": reason}.

  Raises:
    ConvertError: If it cannot be written.
  """
  if isinstance(experiment.pipeline.train.row_shape, Mapping):
    return {"none": "one is kept of images alone, and these are clips."}
  names = candidate_names(experiment, done)
  if not names:
    return {
      "none": "none of the evaluations that make one was done; expected some of"
      f" {', '.join(sorted(_DEFAULT_ORDER))} in --config.evals.final."
    }
  digest = tree_digest(state.params)
  # All processes must agree, since they measure together.
  known = value_from_first(_kept_before(folder, digest) if is_first() else {})
  if known:
    return known
  seen = evaluator.under_test(state)
  able = candidates(experiment, seen)
  scores = _validation_scores({name: able[name] for name in names}, experiment)
  name, about = _choice(names, scores, experiment)
  temperature, measured = _calibrated(able[name], scores.get(name), experiment)
  about |= {"calibration": measured, "params_digest": digest}
  weights = able[name].weights()
  assert weights.classifier is not None
  made = weights.classifier._replace(temperature=temperature, about=about)
  weights = weights._replace(classifier=made)
  if is_first():
    files.write(weights, folder.path / CLASSIFIER_FILE, FORMAT)
  return _described(made, digest_of(weights))


def candidate_names(experiment: Experiment, done: Collection[str]) -> list[str]:
  """Returns the evaluations that made a classifier, in the default order.

  Args:
    experiment: Experiment that was run.
    done: Names of the accuracies that were measured.
  """
  final, specs = experiment.config.evals.final, plugins.evaluations()
  order = dict.fromkeys((experiment.spec.predictor, *_DEFAULT_ORDER))
  return [
    name
    for name in order
    if name in _DEFAULT_ORDER
    and name in final
    and specs[name].metrics.keys() <= set(done)
  ]


def keep_adapters(
  experiment: Experiment, folder: RunFolder, state: TrainState
) -> None:
  """Keeps the adapters of a run alone in its folder, if it has any.

  Args:
    experiment: Experiment that was run.
    folder: Folder of the run.
    state: Last state.

  Raises:
    ConvertError: If they cannot be written.
  """
  if lora.PART not in state.params or not is_first():
    return
  init, path = experiment.config.init, folder.path / ADAPTERS_FILE
  adapters.write(
    path, state.evaluated, weights=init.weights, sha256=init.sha256
  )
  print_once(
    f"Adapters kept: {path}, {path.stat().length / 1e6:.2f} MB; python -m "
    "suncet_jax.convert adds them to the weights."
  )


def show(about: Mapping[str, Any], folder: RunFolder) -> None:
  """Prints which classifier was kept, and why, on process 0.

  Args:
    about: What result.json says of it.
    folder: Folder of the run.
  """
  if "none" in about:
    print_once(f"No classifier is kept: {about['none']}")
    return
  title = plugins.evaluations()[about["kind"]].title
  print_once(
    f"Classifier kept: {title}, {about['chosen_by']}; "
    f"{_calibration_words(about)}. {folder.path / CLASSIFIER_FILE}"
  )


def _calibration_words(about: Mapping[str, Any]) -> str:
  found = about["calibration"].get("test")
  if not found:
    return "not calibrated, as there are no validation images"
  return (
    f"temperature {about['temperature']:.2f}, calibration error "
    f"{found['ece_before']:.1%} -> {found['ece_after']:.1%} (test)"
  )


def _kept_before(folder: RunFolder, digest: str) -> dict[str, Any]:
  """Returns what was said of the classifier of these parameters; else {}."""
  path = folder.path / CLASSIFIER_FILE
  if not path.exists():
    return {}
  try:
    weights = files.read(path)
  except ConvertError:  # damaged: it is made again
    return {}
  made = weights.classifier
  if made is None or made.about.get("params_digest") != digest:
    return {}
  return _described(made, digest_of(weights))


def _described(made: Classifier, digest: str) -> dict[str, Any]:
  return {
    "kind": made.kind,
    **made.about,
    "temperature": made.temperature,
    "file": CLASSIFIER_FILE,
    "digest": digest,
  }


def _validation_scores(
  able: Mapping[str, Candidate], experiment: Experiment
) -> dict[str, np.ndarray]:
  """Returns the logits of the validation images; {} without such images."""
  if not experiment.pipeline.splits.validation.size:
    return {}
  return {name: one.validation() for name, one in able.items()}


def _choice(
  names: Sequence[str], scores: Mapping[str, Any], experiment: Experiment
) -> tuple[str, dict[str, Any]]:
  """Returns the name of the chosen one, and what is said of the choice."""
  if not scores:
    words = _best_of(names, "first")
    if len(names) > 1:
      words += ", as there are no validation images"
    return names[0], {"chosen_by": words, "validation_top1": {}}
  labels = _validation_labels(experiment)
  found = {name: topk_accuracy(scores[name], labels).top1 for name in names}
  # Of equal ones the first in the default order.
  best = max(names, key=lambda name: found[name])
  words = (
    f"{_best_of(names)} on "
    f"{counted(len(labels), 'validation image')} ({found[best]:.1%})"
  )
  return best, {"chosen_by": words, "validation_top1": found}


def _validation_labels(experiment: Experiment) -> np.ndarray:
  source, rows = experiment.pipeline.every_validation
  return source.labels[rows]


def _best_of(names: Sequence[str], word: str = "best") -> str:
  titles = [plugins.evaluations()[name].title for name in names]
  if len(titles) == 1:
    return "the only one evaluated"
  return f"the {word} of {', '.join(titles)}"


def _calibrated(
  chosen: Candidate, scores: np.ndarray | None, experiment: Experiment
) -> tuple[float, dict[str, Any]]:
  """Returns the temperature, and calibration before and after, by images."""
  if scores is None:
    return 1.0, {}
  labels = _validation_labels(experiment)
  temperature = fit_temperature(scores, labels)
  test = chosen.test(), experiment.pipeline.test.labels
  return temperature, {
    "validation": _before_and_after(scores, labels, temperature),
    "test": _before_and_after(*test, temperature),
  }


def _before_and_after(
  scores: Any, labels: Any, temperature: float
) -> dict[str, float]:
  before = calibration(scores, labels)
  after = calibration(scores, labels, temperature)
  return {
    "ece_before": before.ece,
    "ece_after": after.ece,
    "nll_before": before.nll,
    "nll_after": after.nll,
  }
