"""Result of a run: final evaluations, result.json, table and report."""

import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath
from ml_collections import ConfigDict

from suncet_jax import convolution, plugins
from suncet_jax.config import base, fingerprint, from_dict, validate
from suncet_jax.console import terminal
from suncet_jax.devices.processes import is_first, value_from_first
from suncet_jax.errors import UserError
from suncet_jax.files.formats import write_json
from suncet_jax.train import keeping
from suncet_jax.train.drawings import drawings_of
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import Experiment, build
from suncet_jax.train.monitor import print_once
from suncet_jax.train.phases import phases
from suncet_jax.train.resume import check_same_data
from suncet_jax.train.state import TrainState
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.compilation_cache import programs_kept
from suncet_jax.workdir.digest import tree_digest
from suncet_jax.workdir.folder import FolderError, RunFolder

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "suncet_jax")
_TITLE = "test accuracy, top 1"


def evaluate_finally(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  state: TrainState,
) -> dict[str, float]:
  """Runs the final evaluations that an interrupted run has not done yet.

  Args:
    experiment: Experiment that was run.
    folder: Folder of the run, which keeps finished evaluations.
    evaluator: Evaluator of the experiment.
    state: Last state.

  Returns:
    Accuracies in [0, 1] by name.
  """
  digest = tree_digest(state.params)
  # All processes must skip the same ones, since they measure together.
  done = value_from_first(folder.evaluations(digest))
  for name in experiment.config.evals.final:
    if plugins.evaluations()[name].metrics.keys() <= done.keys():
      continue
    print_once(f"Evaluating: {name}")
    try:
      done |= evaluator.evaluate(state, name)
    except FloatingPointError as error:  # the others may still work
      logging.error("%s is left out of the result: %s", name, error)
    if is_first():
      folder.write_evaluations(digest, done)
  return done


def evaluate_again(
  workdir: epath.PathLike, names: Sequence[str] | None, step: int | None
) -> int:
  """Evaluates a checkpoint of a run and prints the accuracies.

  They are also written to evaluations-STEP.json in the run's folder; its
  result.json stays as it is.

  Args:
    workdir: Folder of a run, finished or not.
    names: Names of the evaluations; see `Evaluator.evaluate`. None: those that
      a run of the method has by default.
    step: Step of the checkpoint, or None for the newest.

  Returns:
    The exit code.

  Raises:
    ValueError: If the folder holds no run, or no such checkpoint, or the method
      lacks what an evaluation needs.
  """
  folder = RunFolder(workdir)
  config = from_dict(folder.config())
  validate(config, check_files=True)
  names = names or base(config.method.name).evals.final
  if faults := list(plugins.evaluation_faults(config, names, "--evals")):
    raise UserError("\n".join(faults))
  if not folder.checkpoints.exists():
    raise FolderError(f"{folder.path} holds no checkpoint yet.")
  with programs_kept(config, folder):
    return _evaluate_again(config, folder, names, step)


def _evaluate_again(
  config: ConfigDict, folder: RunFolder, names: Sequence[str], step: int | None
) -> int:
  """Evaluates a checkpoint; see `evaluate_again`, which checks the names."""
  experiment = build(config, is_begun=True)
  with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
    restored = checkpoints.restore(experiment.state_template(), step)
  if restored is None:
    raise FolderError(f"{folder.path} holds no checkpoint yet.")
  state, kept = restored
  check_same_data(kept, experiment.pipeline.digest())
  evaluator = Evaluator(experiment)
  metrics: dict[str, float] = {}
  for name in names:
    print_once(f"Evaluating step {int(state.step)}: {name}")
    metrics |= evaluator.evaluate(state, name)
  if is_first():
    path = folder.path / f"evaluations-{int(state.step)}.json"
    write_json(path, metrics)
    show_accuracies(metrics, experiment.pipeline.class_count)
    print_once(f"Written to {path}")
  _keep_again(experiment, folder, evaluator, state, metrics)
  return 0


def _keep_again(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  state: TrainState,
  metrics: Mapping[str, float],
) -> None:
  """Keeps the classifier that a finished run lacks, if it was evaluated."""
  is_last = int(state.step) == experiment.total_steps
  if not is_last or not value_from_first(folder.result.exists()):
    return
  # Only by the evaluations of the run itself: the choice is between all.
  wanted = keeping.candidate_names(experiment, plugins.metric_titles())
  if wanted and wanted == keeping.candidate_names(experiment, metrics):
    kept = keeping.keep_classifier(
      experiment, folder, evaluator, state, metrics
    )
    keeping.show(kept, folder)


def content(
  experiment: Experiment,
  state: TrainState,
  seconds: float,
  metrics: dict[str, float],
  classifier: Mapping[str, Any],
) -> dict[str, Any]:
  """Returns the content of result.json.

  Args:
    experiment: Experiment that was run.
    state: Last state.
    seconds: Seconds of training.
    metrics: Final metrics by name.
    classifier: What is said of the classifier that was kept.
  """
  config, step = experiment.config, int(state.step)
  last = phases(experiment)[-1]
  name, _ = convolution.in_use(config.model.convolution, config.precision)
  return {
    "step": step,
    "images_seen": last.images_at(step),
    "flops": last.flops_at(step),
    "epochs": step / experiment.steps_per_epoch,
    "seconds": round(seconds, 1),
    "params_digest": tree_digest(state.params),
    "metrics": metrics,
    "class_count": experiment.pipeline.class_count,
    "classifier": dict(classifier),
    "config_fingerprint": fingerprint(config.to_dict()),
    "versions": {
      "python": platform.python_version(),
      **{name: importlib.metadata.version(name) for name in _PACKAGES},
      "convolution": name,
    },
  }


def report(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  state: TrainState,
  content: dict[str, Any],
  command: str,
) -> None:
  """Writes report.html; logs an error instead of raising it.

  Args:
    experiment: Experiment that was run.
    folder: Folder of the run.
    evaluator: Evaluator of the experiment.
    state: Last state.
    content: Content of result.json.
    command: Command that started the run.
  """
  try:
    # Collective: every process must call.
    under_test = evaluator.under_test(state)
    test = under_test.test
    predicted_by, predictions = under_test.predictions()
    if is_first():
      # Imported here: Bokeh and scikit-learn take a second to import.
      from suncet_jax.train import report_data

      report_data.report(
        experiment,
        folder,
        report_data.Seen(
          test.features,
          predicted_by,
          predictions,
          test.measured.get("attention"),
        ),
        drawings_of(experiment, state),
        content,
        command,
      )
  except Exception:  # a picture that fails must not cost the result
    logging.exception("The report could not be written.")


def show(content: Mapping[str, Any], folder: RunFolder) -> None:
  """Prints a result on process 0."""
  if is_first():
    # Results of earlier versions do not have the number.
    show_accuracies(content["metrics"], content.get("class_count", 0))
  if "classifier" in content:  # results of earlier versions have none
    keeping.show(content["classifier"], folder)
  print_once(
    f"{content['step']:,} steps, {content['epochs']:g} epochs, "
    f"{content['images_seen']:,} images in {content['seconds']:.0f} s, "
    f"compiling too; parameters {content['params_digest']}"
  )
  if (folder.path / "report.html").exists():
    print_once(f"Report: {folder.path / 'report.html'}")


def show_accuracies(metrics: Mapping[str, Any], class_count: int = 0) -> None:
  """Prints the accuracies among the metrics as a table.

  Args:
    metrics: Metrics by name.
    class_count: Number of classes; 0: not known.
  """
  metrics = plugins.telling_metrics(metrics, class_count)
  rows = [
    (title, f"{metrics[name]:.1%}")
    for name, title in plugins.metric_titles().items()
    if name in metrics
  ]
  lines = [_TITLE, *(f"  {title:<26}{value:>7}" for title, value in rows)]
  terminal.show(
    "\n".join(lines), lambda: terminal.table(("", ""), rows, title=_TITLE)
  )
