"""Folders of runs, read back for a comparison."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from suncet_jax.report.history import read_history


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished or running run.

  Attributes:
    name: how to call it, short and unique among the runs compared.
    method: name of its method; None if its config does not tell.
    history: rows of `metrics.csv`.
    result: content of `result.json`; empty while the run goes on.
  """

  name: str
  method: str | None
  history: list[dict[str, float]]
  result: Mapping[str, Any]

  @property
  def group(self) -> str:
    """What it is compared by: its method, or itself if that is unknown."""
    return self.method or self.name


def read_runs(folders: Sequence[epath.Path]) -> list[Run]:
  """Reads the folders of runs.

  Args:
    folders: at least one; each with `metrics.csv` and, where there already,
      `config.json` and `result.json`.

  Returns:
    One run per folder, in their order.

  Raises:
    ValueError: if there is no folder, one has no `metrics.csv`, or a file
      cannot be read.
  """
  if not folders:
    raise ValueError("expected at least one folder of a run, got none")
  names = [folder.resolve().name for folder in folders]
  if len(set(names)) < len(names):
    names = [str(folder) for folder in folders]
  return [
    _read_run(name, folder) for name, folder in zip(names, folders, strict=True)
  ]


def _read_run(name: str, folder: epath.Path) -> Run:
  metrics = folder / "metrics.csv"
  if not metrics.is_file():
    raise ValueError(
      f"expected the folder of a run, but {folder} has no metrics.csv"
    )
  method = _read_json(folder / "config.json").get("method")
  return Run(
    name=name,
    method=method.get("name") if isinstance(method, dict) else None,
    history=read_history(metrics),
    result=_read_json(folder / "result.json"),
  )


def _read_json(path: epath.Path) -> dict[str, Any]:
  """Reads a JSON object; one that is not there is empty."""
  if not path.is_file():
    return {}
  try:
    content = json.loads(path.read_text(encoding="utf-8"))
  except ValueError as error:
    raise ValueError(f"{path} is not valid JSON: {error}") from error
  if not isinstance(content, dict):
    raise ValueError(
      f"{path} must hold a JSON object, got {type(content).__name__}"
    )
  return content
