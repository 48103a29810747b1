"""Runs read back from their folders for a report."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from suncet_jax.console.words import shorten
from suncet_jax.errors import UserError
from suncet_jax.files.formats import read_json_if_there
from suncet_jax.files.paths import expanded
from suncet_jax.plugins import Series
from suncet_jax.report.data import ReportData, load_data
from suncet_jax.workdir.metrics_csv import last_value, read_history

_ABSENT = "(absent)"
# Most differing fields in the name of a setting; a table has the others.
_NAMED_FIELDS = 3


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished or running run.

  Attributes:
    name: Name of the run, unique among the runs of a report.
    config: Content of `config.json`; empty if there is none.
    history: Rows of `metrics.csv`; empty before the first one.
    result: Content of `result.json`; empty while the run goes on.
    data: Report data of the run; None while the run goes on.
    series: Series of its method; empty for older runs.
  """

  name: str
  config: Mapping[str, Any]
  history: list[dict[str, float]]
  result: Mapping[str, Any]
  data: ReportData | None
  series: tuple[Series, ...] = ()

  @property
  def method(self) -> str | None:
    """Name of the method, or None if the config has none."""
    method = self.config.get("method")
    return str(method.get("name")) if isinstance(method, dict) else None

  def latest(self, name: str) -> Any:
    """Returns a value of the result, or else the last one of the history."""
    return self.result.get(name, last_value(self.history, name))


def read_runs(folders: Sequence[epath.PathLike]) -> list[Run]:
  """Reads the folders of runs.

  Args:
    folders: Folders of runs, at least one; each with `config.json` or
      `metrics.csv` and, if present, `result.json` and `report/data.npz`.

  Returns:
    One run per folder, in their order.

  Raises:
    ValueError: If there is no folder, one is given twice or is not that of a
      run, or a file has unexpected content.
    OSError: If a file is not readable.
  """
  if not folders:
    raise UserError("expected at least one folder of a run, got none")
  paths = [expanded(folder) for folder in folders]
  places = [path.resolve() for path in paths]
  if len(set(places)) < len(places):
    again = next(p for i, p in enumerate(places) if p in places[:i])
    raise UserError(f"expected each run once, got {again} twice")
  names = [place.name for place in places]
  if len(set(names)) < len(names):
    names = [str(path) for path in paths]
  return [
    _read_run(path, name) for path, name in zip(paths, names, strict=True)
  ]


def settings(runs: Sequence[Run]) -> dict[str, list[Run]]:
  """Groups runs that differ only in their seeds.

  Args:
    runs: Runs to group.

  Returns:
    Runs by name of the setting: its method, if needed with the fields that
    differ, and if that is not unique either with its first run.
  """
  groups: dict[str, list[Run]] = {}
  for run in runs:
    groups.setdefault(_setting(run), []).append(run)
  members = list(groups.values())
  names = [_setting_name(group, members) for group in members]
  for place, group in enumerate(members):
    if names.count(names[place]) > 1:
      names[place] = f"{names[place]} ({group[0].name})"
  return dict(zip(names, members, strict=True))


def fields(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
  """Returns a config's values as text, by names such as "optim.peak_lr"."""
  flat: dict[str, str] = {}
  for name, value in config.items():
    if isinstance(value, dict):
      flat |= fields(value, f"{prefix}{name}.")
    else:
      text = value if isinstance(value, str) and value else json.dumps(value)
      flat[prefix + name] = text
  return flat


def differing_fields(configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
  """Yields the names of the fields whose values are not all the same."""
  flat = [fields(config) for config in configs]
  for name in dict.fromkeys(name for config in flat for name in config):
    if len({config.get(name, _ABSENT) for config in flat}) > 1:
      yield name


def _runs_inside(folder: epath.Path) -> str:
  """Returns which folders inside are runs; empty if none is."""
  if not folder.is_dir():
    return ""
  inside = sorted(
    str(path) for path in folder.iterdir() if (path / "config.json").is_file()
  )
  return f"; runs are {shorten(inside)}" if inside else ""


def _read_run(folder: epath.PathLike, name: str) -> Run:
  folder = expanded(folder)
  metrics, config = folder / "metrics.csv", folder / "config.json"
  if not metrics.is_file() and not config.is_file():
    raise UserError(
      f"expected the folder of a run, but {folder} has neither metrics.csv nor "
      f"config.json{_runs_inside(folder)}"
    )
  return Run(
    name=name,
    config=read_json_if_there(config),
    history=read_history(metrics) if metrics.is_file() else [],
    result=read_json_if_there(folder / "result.json"),
    data=load_data(folder),
    series=_read_series(folder / "series.json"),
  )


def _read_series(path: epath.Path) -> tuple[Series, ...]:
  values = read_json_if_there(path).values()
  try:
    return tuple(Series(**value) for value in values)
  except TypeError as error:
    raise UserError(f"{path} does not describe metrics: {error}") from error


def _setting(run: Run) -> str:
  if not run.config:
    return run.name
  return json.dumps({**run.config, "seed": None}, sort_keys=True)


def _setting_name(group: Sequence[Run], groups: Sequence[list[Run]]) -> str:
  first = group[0]
  if first.method is None:
    return first.name
  same = [
    other[0].config for other in groups if other[0].method == first.method
  ]
  values = fields(first.config)
  named = [name for name in differing_fields(same) if name != "seed"]
  parts = [
    f"{name.rpartition('.')[2]} {values.get(name, _ABSENT)}"
    for name in named[:_NAMED_FIELDS]
  ]
  return ", ".join([first.method, *parts])
