"""Reads what the runs of a comparison have left in their folders."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from etils import epath

from suncet_jax.compare.grid import Entry
from suncet_jax.compare.headline import Curve


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


def read_results(folders: Sequence[epath.Path]) -> list[Measured]:
  """Reads finished runs.

  Args:
    folders: Of the runs.

  Returns:
    One item per run and number of labels.
  """
  return [item for folder in folders for item in _read(folder)]


def _read(folder: epath.Path) -> list[Measured]:
  job: dict[str, Any] = json.loads((folder / "job.json").read_text())
  result = json.loads((folder / "result.json").read_text())
  measures = json.loads((folder / "measures.json").read_text())
  entry = Entry(job["method"], job["share"], job.get("variant", ""))
  return [
    Measured(
      entry.name, entry.method, labels, job["seed"], curve, result["seconds"]
    )
    for labels, curve in measures.items()
  ]
