"""Folder of a comparison, with one folder per run."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from etils import epath

from suncet_jax.compare import grid
from suncet_jax.compare.criterion import Curve
from suncet_jax.compare.grid import Run
from suncet_jax.config import differences
from suncet_jax.errors import UserError
from suncet_jax.files.formats import read_json, read_json_if_there, write_json

TEST, VALIDATION = "test", "validation"
# File of the measures on these images, in the folder of a run.
FILES = {TEST: "measures.json", VALIDATION: "validation.json"}

_MOST_FAULTS = 20  # faults that a message lists


def prepare(workdir: epath.Path, runs: Sequence[Run]) -> None:
  """Writes job.json of each run, which its process reads.

  A grid may grow: measures of a run with other numbers of labels are kept.

  Args:
    workdir: Folder of the comparison, created if needed.
    runs: Runs of the grid.

  Raises:
    ValueError: If the folder is not writable or holds something else.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise UserError(
      f"--workdir {workdir} cannot be used: {error}. Expected a folder that "
      "can be written to."
    ) from error
  if (workdir / "config.json").exists():
    raise UserError(
      f"--workdir {workdir} holds a single run. Expected another folder."
    )
  # Through JSON, so that tuples become lists as in the file.
  jobs = {
    workdir / run.folder: json.loads(json.dumps(run.as_dict())) for run in runs
  }
  known = {folder: read_json_if_there(folder / "job.json") for folder in jobs}
  faults = [
    f"  {folder.name}: {line}"
    for folder, job in jobs.items()
    if known[folder]
    for line in _changes(known[folder], job)
  ]
  if faults:
    lines = "\n".join(faults[:_MOST_FAULTS])
    raise UserError(
      f"{workdir} holds another comparison (old -> new):\n{lines}\n"
      "Use another --workdir, or the command that it began with. Seeds, "
      "methods and variants may be added to that, and --labels behind its own."
    )
  for folder, job in jobs.items():
    wanted = known[folder].get("measured", {}) | job["measured"]
    write_json(folder / "job.json", job | {"measured": wanted})
    if not all(_is_measured(folder, images, wanted) for images in job["on"]):
      (folder / "done").unlink(missing_ok=True)


def _is_measured(folder: epath.Path, images: str, wanted: Any) -> bool:
  return wanted.keys() <= read_json_if_there(folder / FILES[images]).keys()


def _changes(known: dict[str, Any], job: dict[str, Any]) -> list[str]:
  """Returns how jobs differ; new numbers of labels do not count."""
  wanted = job["measured"]
  both = {name: known["measured"].get(name, wanted[name]) for name in wanted}
  asked = {"config": job["config"], "measured": wanted}
  return differences({"config": known["config"], "measured": both}, asked)


class Measured(NamedTuple):
  """A run measured with one number of labels.

  Attributes:
    name: Name of the entry, such as "suncet@0.5".
    method: Name of the method.
    labels: Value of the `labels` argument.
    seed: Seed of the run.
    curve: Measured checkpoints of the run.
    seconds: Seconds of training, including validation.
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
    workdir: Folder of the comparison.
    runs: Runs of the grid.

  Returns:
    One item per run and number of labels.
  """
  return [item for run in runs for item in _read(workdir / run.folder, run)]


def _read(folder: epath.Path, run: grid.Run) -> Iterator[Measured]:
  entry, seed = run.entry, run.seed
  seconds = 0.0
  if run.trains:
    seconds = read_json(folder / "result.json")["seconds"]
  measures = read_json(folder / FILES[TEST])
  for labels in run.measured:
    curve = measures[labels]
    yield Measured(entry.name, entry.method, labels, seed, curve, seconds)
