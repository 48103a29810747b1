"""metrics.csv: one row per logged step, whole at any moment."""

import csv
import io
import time
from typing import Any

from etils import epath

_SECONDS_BETWEEN_WRITES = 5.0


class MetricsFile:
  """A table that grows; rewritten atomically, so that a kill never tears it.

  Rows of steps after the one that a run goes on from are dropped: they will
  be made again.
  """

  def __init__(self, path: epath.PathLike, resume_step: int) -> None:
    """Reads the rows up to `resume_step`, where the file exists."""
    self._path = epath.Path(path)
    self._rows: list[dict[str, Any]] = []
    self._written = 0.0
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
    if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
      self.write()

  def write(self) -> None:
    """Puts all rows on disk."""
    columns = list(dict.fromkeys(name for row in self._rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(self._rows)
    partial = self._path.with_suffix(".csv.part")
    partial.write_text(text.getvalue())
    partial.replace(self._path)
    self._written = time.monotonic()
