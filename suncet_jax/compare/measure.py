"""Measures of a run's kept checkpoints, or of the state it begins with."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from etils import epath
from ml_collections import ConfigDict

from suncet_jax.compare.folder import FILES, VALIDATION
from suncet_jax.config import as_begun
from suncet_jax.console import terminal
from suncet_jax.files.formats import read_json_if_there, write_json
from suncet_jax.plugins import method_spec, suitable_evaluations
from suncet_jax.train import evaluation
from suncet_jax.train.experiment import Experiment, build
from suncet_jax.train.phases import Phase, phase_of, phases
from suncet_jax.train.state import TrainState
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.folder import RunFolder

_EVALUATIONS = ("classifier", "knn", "soft_nn", "linear", "finetune")


class Measures(NamedTuple):
  """What is measured of a run.

  Attributes:
    images: Images that it is measured on, "test" or "validation".
    trains: Whether its checkpoints are measured, or the state it begins with.
    by: Names of the evaluations; empty: all that suit it.
  """

  images: str = "test"
  trains: bool = True
  by: tuple[str, ...] = ()


def measure(
  folder: epath.Path,
  config: ConfigDict,
  measured: Mapping[str, ConfigDict],
  what: Measures,
) -> None:
  """Writes accuracies of each kept checkpoint, to the file of `FILES`.

  An interrupted call is continued: finished measures are kept.

  Args:
    folder: Folder of the finished run.
    config: Configuration that it was trained with.
    measured: Configurations by name that give the labelled images and the
      settings of the evaluations.
    what: What is measured.
  """
  run, path = RunFolder(folder), folder / FILES[what.images]
  known: dict[str, Any] = read_json_if_there(path)
  dataset = None
  names = what.by or _suitable(config)
  for name, settings in measured.items():
    if what.trains:
      settings = as_begun(settings, run.config())
    experiment = build(settings, dataset, is_begun=what.trains)
    dataset = experiment.pipeline.dataset
    rows = known.setdefault(name, [])
    done = {row["step"] for row in rows}
    evaluator, ways = evaluation.Evaluator(experiment), phases(experiment)
    for step, state in _states(run, experiment, config, what.trains, done):
      row = _cost(ways, step) | {"epochs": step / experiment.steps_per_epoch}
      for measure_name in names:
        row |= evaluator.evaluate(
          state, measure_name, on_validation=what.images == VALIDATION
        )
      rows.append(row)
      rows.sort(key=lambda row: row["step"])
      write_json(path, known)
      terminal.say(f"labels={name} {row}")


def _suitable(config: ConfigDict) -> list[str]:
  wanted = (*_EVALUATIONS, method_spec(config.method.name).predictor)
  return [name for name in suitable_evaluations(config) if name in wanted]


def _states(
  run: RunFolder,
  experiment: Experiment,
  config: ConfigDict,
  trains: bool,
  done: Collection[int],
) -> Iterator[tuple[int, TrainState]]:
  """Yields the states that are not measured yet, with their steps."""
  if not trains:
    if 0 not in done:
      yield 0, experiment.initial_state()
    return
  template = experiment.state_template()
  with Checkpoints(run.checkpoints, read_only=True) as checkpoints:
    for step in _kept_steps(experiment, config):
      if step in done:
        continue
      restored = checkpoints.restore(template, step)
      assert restored is not None  # or `restore` would have said so
      yield step, restored[0]


def _kept_steps(experiment: Experiment, config: ConfigDict) -> list[int]:
  every = config.checkpoint.keep_every_epochs * experiment.steps_per_epoch
  return [*range(every, experiment.total_steps, every), experiment.total_steps]


def _cost(ways: Sequence[Phase], step: int) -> dict[str, float]:
  """Returns the cost of training up to a step."""
  if not step:
    return {"step": 0, "images": 0, "flops": 0.0}
  phase = phase_of(ways, step)
  return {
    "step": step,
    "images": phase.images_at(step),
    "flops": phase.flops_at(step),
  }
