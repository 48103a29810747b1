"""Reads what the runs of a comparison have left in their folders."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from etils import epath

from suncet_jax.compare import grid
from suncet_jax.compare.headline import Curve
from suncet_jax.json_files import read_json


class Measured(NamedTuple):
  """A run, as seen with one number of labels.

  Attributes:
    name: Method and share of the budget, such as "suncet@0.5".
    method: The method.
    labels: The `labels` argument.
    seed: Of the run.
    curve: Its measured checkpoints.
    seconds: Of the training, with its measures on the way.
  """

  name: str
  method: str
  labels: str
  seed: int
  curve: Curve
  seconds: float


def read_results(
  workdir: epath.Path, runs: Sequence[grid.Run]
) -> list[Measured]:
  """Reads finished runs.

  Args:
    workdir: The folder of the comparison.
    runs: Of the grid.

  Returns:
    One item per run and number of labels.
  """
  return [item for run in runs for item in _read(workdir / run.folder, run)]


def _read(folder: epath.Path, run: grid.Run) -> Iterator[Measured]:
  entry, seed = run.entry, run.seed
  seconds = read_json(folder / "result.json")["seconds"]
  measures = read_json(folder / "measures.json")
  for labels in run.measured:
    curve = measures[labels]
    yield Measured(entry.name, entry.method, labels, seed, curve, seconds)
