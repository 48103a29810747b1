"""The training history: `metrics.csv` and the curves taken from it."""

import csv
import io
import math
from collections.abc import Sequence

import numpy as np
from etils import epath

History = Sequence[dict[str, float]]


def read_history(path: epath.PathLike) -> list[dict[str, float]]:
  """Reads the rows of a `metrics.csv`.

  The file may belong to a run that is still writing: a last line without its
  line end is half-written and not read. A run that went on from a checkpoint
  may have written some steps twice: the later rows replace the earlier ones.

  Args:
    path: a CSV file with a header row.

  Returns:
    One dict per row, from column name to value; an empty cell is an absent
    key.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if a cell is not a number, or a row is longer than the header.
  """
  text = epath.Path(path).read_text(encoding="utf-8")
  complete = text.rpartition("\n")[0]
  rows: list[dict[str, float]] = []
  reader = csv.DictReader(io.StringIO(complete))
  for cells in reader:
    row = _parse_row(cells, f"{path}, line {reader.line_num}")
    if "step" in row:
      _drop_after(rows, row["step"])
    rows.append(row)
  return rows


def _parse_row(cells: dict[str, str], place: str) -> dict[str, float]:
  row = {}
  for name, cell in cells.items():
    if name is None:
      raise ValueError(f"{place}: more cells than columns in the header")
    if cell is None or not cell.strip():
      continue
    try:
      row[name] = float(cell)
    except ValueError:
      raise ValueError(
        f"{place}: column {name!r} must hold a number, got {cell!r}"
      ) from None
  return row


def _drop_after(rows: list[dict[str, float]], step: float) -> None:
  """Removes the rows that a restart at an earlier step made obsolete."""
  while rows and rows[-1].get("step", -math.inf) > step:
    rows.pop()


def curve(history: History, x: str, y: str) -> tuple[np.ndarray, np.ndarray]:
  """Takes one metric against another from the history.

  Args:
    history: rows as `read_history` returns them.
    x: column of the horizontal axis.
    y: column of the vertical axis.

  Returns:
    Two [n] float64 arrays over the rows where both are present and finite.
  """
  nan = math.nan
  pairs = [(row.get(x, nan), row.get(y, nan)) for row in history]
  points = np.asarray(pairs, np.float64).reshape(-1, 2)
  points = points[np.isfinite(points).all(axis=1)]
  return points[:, 0], points[:, 1]


def progress_axis(history: History, y: str) -> str:
  """Returns the best known measure of progress for the metric `y`.

  Args:
    history: rows as `read_history` returns them.
    y: column of the vertical axis.

  Returns:
    The first of "epoch", "step" and "images_seen" that occurs beside `y`;
    "epoch" if none does.
  """
  for x in ("epoch", "step", "images_seen"):
    if curve(history, x, y)[0].size:
      return x
  return "epoch"


def last_value(history: History, name: str) -> float | None:
  """Returns the last finite value of a column, or None."""
  values = [row.get(name, math.nan) for row in history]
  finite = [value for value in values if math.isfinite(value)]
  return finite[-1] if finite else None
