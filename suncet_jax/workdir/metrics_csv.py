"""The file metrics.csv: one row per logged step, complete at any moment."""

import csv
import io
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded

_SECONDS_BETWEEN_WRITES = 5.0
_SECONDS_IN_BUCKET = 60.0  # training waits for each request


class MetricsFile:
  """A growing table, rewritten atomically, so that a kill never damages it.

  Rows of steps after the one that a run goes on from are dropped, since these
  steps are run again.
  """

  def __init__(self, path: epath.PathLike, resume_step: int) -> None:
    """Reads the rows up to `resume_step`, if the file exists."""
    self._path = expanded(path)
    self._rows: list[dict[str, Any]] = []
    self._written = 0.0
    self._pause = _SECONDS_BETWEEN_WRITES
    if storage.in_bucket(self._path):
      self._pause = _SECONDS_IN_BUCKET
    if self._path.exists():
      rows = csv.DictReader(io.StringIO(self._path.read_text()))
      self._rows = [
        {name: value for name, value in row.items() if value}
        for row in rows
        if int(row["step"]) <= resume_step
      ]

  def add(self, row: dict[str, Any]) -> None:
    """Appends a row; it is on disk a few seconds later."""
    self._rows.append(row)
    if time.monotonic() - self._written > self._pause:
      self.write()

  def write(self) -> None:
    """Writes all rows to disk.

    A failure, such as a full disk, is logged; the rows are kept for the next
    write.
    """
    columns = list(dict.fromkeys(name for row in self._rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(self._rows)
    try:
      storage.write(self._path, text.getvalue().encode())
    except OSError as error:
      logging.error("%s could not be written: %s", self._path, error)
    self._written = time.monotonic()


History = Sequence[dict[str, float]]


def read_history(path: epath.PathLike) -> list[dict[str, float]]:
  """Reads the rows of a `metrics.csv`.

  The file may belong to a run that is still writing: a last line without a line
  end is incomplete and ignored.

  Args:
    path: Path of a CSV file with a header row.

  Returns:
    One dict per row, from column name to value; empty cells have no key.

  Raises:
    FileNotFoundError: If there is no such file.
    ValueError: If the file is not text, a cell is not a number, or a row is
      longer than the header.
  """
  try:
    text = expanded(path).read_text(encoding="utf-8")
  except UnicodeDecodeError as error:
    raise UserError(f"{path} is not text ({error})") from error
  complete = text.rpartition("\n")[0]
  reader = csv.DictReader(io.StringIO(complete))
  return [
    _parse_row(cells, f"{path}, line {reader.line_num}") for cells in reader
  ]


def _parse_row(cells: dict[str, str], place: str) -> dict[str, float]:
  row = {}
  for name, cell in cells.items():
    if name is None:
      raise UserError(f"{place}: more cells than columns in the header")
    if cell is None or not cell.strip():
      continue
    try:
      row[name] = float(cell)
    except ValueError:
      raise UserError(
        f"{place}: column {name!r} must hold a number, got {cell!r}"
      ) from None
  return row


def curve(history: History, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
  """Returns one metric against another.

  Args:
    history: Rows from `read_history`.
    x: Name of the column for the horizontal axis.
    y: Name of the column for the vertical axis.

  Returns:
    Two arrays, float64 [n], over the rows where both are present and finite.
  """
  nan = math.nan
  pairs = [(row.get(x, nan), row.get(y, nan)) for row in history]
  points = np.asarray(pairs, np.float64).reshape(-1, 2)
  points = points[np.isfinite(points).all(axis=1)]
  return points[:, 0], points[:, 1]


def last_value(history: History, name: str) -> float | None:
  """Returns the last finite value of a column, or None."""
  values = [row.get(name, math.nan) for row in history]
  finite = [value for value in values if math.isfinite(value)]
  return finite[-1] if finite else None
