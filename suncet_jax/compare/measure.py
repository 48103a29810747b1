"""Measures of a run's kept checkpoints on the test images."""

from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath
from ml_collections import ConfigDict

from suncet_jax.config import as_begun
from suncet_jax.console import terminal
from suncet_jax.files.formats import read_json_if_there, write_json
from suncet_jax.plugins import method_spec, suitable_evaluations
from suncet_jax.train import evaluation
from suncet_jax.train.experiment import Experiment, build
from suncet_jax.train.phases import Phase, phase_of, phases
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.folder import RunFolder

_EVALUATIONS = ("classifier", "knn", "soft_nn", "linear", "finetune")


def measure(
  folder: epath.Path, config: ConfigDict, measured: Mapping[str, ConfigDict]
) -> None:
  """Writes `measures.json`: accuracies of each kept checkpoint.

  An interrupted call is continued: finished measures are kept.

  Args:
    folder: Folder of the finished run.
    config: Configuration that it was trained with.
    measured: Configurations by name that give the labelled images and the
      settings of the evaluations.
  """
  run, path = RunFolder(folder), folder / "measures.json"
  known: dict[str, Any] = read_json_if_there(path)
  dataset = None
  spec, suitable = method_spec(config.method.name), suitable_evaluations(config)
  wanted = (*_EVALUATIONS, spec.predictor)
  for name, settings in measured.items():
    settings = as_begun(settings, run.config())
    experiment = build(settings, dataset, is_begun=True)
    dataset = experiment.pipeline.dataset
    rows = known.setdefault(name, [])
    done = {row["step"] for row in rows}
    steps = [
      step for step in _kept_steps(experiment, config) if step not in done
    ]
    evaluator = evaluation.Evaluator(experiment)
    template, ways = experiment.state_template(), phases(experiment)
    with Checkpoints(run.checkpoints, read_only=True) as checkpoints:
      for step in steps:
        restored = checkpoints.restore(template, step)
        assert restored is not None  # or `restore` would have said so
        row = _cost(ways, step) | {"epochs": step / experiment.steps_per_epoch}
        for measure_name in filter(wanted.__contains__, suitable):
          row |= evaluator.evaluate(restored[0], measure_name)
        rows.append(row)
        rows.sort(key=lambda row: row["step"])
        write_json(path, known)
        terminal.say(f"labels={name} {row}")


def _kept_steps(experiment: Experiment, config: ConfigDict) -> list[int]:
  every = config.checkpoint.keep_every_epochs * experiment.steps_per_epoch
  return [*range(every, experiment.total_steps, every), experiment.total_steps]


def _cost(ways: Sequence[Phase], step: int) -> dict[str, float]:
  """Returns the cost of training up to a step."""
  phase = phase_of(ways, step)
  return {
    "step": step,
    "images": phase.images_at(step),
    "flops": phase.flops_at(step),
  }
