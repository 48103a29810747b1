"""The folder of a comparison, with one folder per run."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath

from suncet_jax.compare.grid import Run
from suncet_jax.config import differences
from suncet_jax.json_files import read_json, write_json

_MOST_FAULTS = 20  # that are listed


def prepare(workdir: epath.Path, runs: Sequence[Run]) -> None:
  """Writes job.json of each run, which its process reads.

  A grid may grow: what a run has measured with other numbers of labels stays.

  Args:
    workdir: The folder of the comparison, made if needed.
    runs: Of the grid.

  Raises:
    ValueError: If it cannot be written to, or holds something else.
  """
  try:
    workdir.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ValueError(
      f"--workdir {workdir} cannot be used: {error}. Expected a folder that "
      "can be written to."
    ) from error
  if (workdir / "config.json").exists():
    raise ValueError(
      f"--workdir {workdir} holds a single run. Expected another folder."
    )
  # Through text, so that tuples are lists as in the file.
  jobs = {
    workdir / run.folder: json.loads(json.dumps(run.as_dict())) for run in runs
  }
  faults = [
    fault for folder, job in jobs.items() for fault in _merge_known(job, folder)
  ]
  if faults:
    lines = "\n".join(faults[:_MOST_FAULTS])
    raise ValueError(
      f"{workdir} holds another comparison (old -> new):\n{lines}\n"
      "Use another --workdir, or the command that it began with. Seeds, "
      "methods and variants may be added to that, and --labels behind its own."
    )
  for folder, job in jobs.items():
    write_json(folder / "job.json", job)
    if not job["measured"].keys() <= _measured(folder).keys():
      (folder / "done").unlink(missing_ok=True)


def _merge_known(job: dict[str, Any], folder: epath.Path) -> Iterator[str]:
  """Adds to a job what it measured before; yields in what else they differ."""
  path = folder / "job.json"
  if not path.exists():
    return
  known = read_json(path)
  measured, wanted = known["measured"], job["measured"]
  both = {name: measured.get(name, wanted[name]) for name in wanted}
  for line in differences(known | {"measured": both}, job):
    yield f"  {folder.name}: {line}"
  job["measured"] = measured | wanted


def _measured(folder: epath.Path) -> dict[str, Any]:
  path = folder / "measures.json"
  return read_json(path) if path.exists() else {}
