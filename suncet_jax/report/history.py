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
  line end is half-written and not read.

  Args:
    path: a CSV file with a header row.

  Returns:
    One dict per row, from column name to value; an empty cell is an absent
    key.

  Raises:
    FileNotFoundError: if there is no such file.
    ValueError: if it is no text, a cell is not a number, or a row is longer
      than the header.
  """
  try:
    text = epath.Path(path).read_text(encoding="utf-8")
  except UnicodeDecodeError as error:
    raise ValueError(f"{path} is no text ({error})") from error
  complete = text.rpartition("\n")[0]
  reader = csv.DictReader(io.StringIO(complete))
  return [
    _parse_row(cells, f"{path}, line {reader.line_num}") for cells in reader
  ]


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


def last_value(history: History, name: str) -> float | None:
  """Returns the last finite value of a column, or None."""
  values = [row.get(name, math.nan) for row in history]
  finite = [value for value in values if math.isfinite(value)]
  return finite[-1] if finite else None
