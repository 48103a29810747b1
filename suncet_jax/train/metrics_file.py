"""metrics.csv: one row per logged step, whole at any moment."""

import csv
import io
import time
from typing import Any

from absl import logging
from etils import epath

from suncet_jax.data import storage

_SECONDS_BETWEEN_WRITES = 5.0
_SECONDS_IN_BUCKET = 60.0  # training waits for each request


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
    """Puts all rows on disk.

    Where that fails (a full disk, say) it is logged: the rows are kept, and
    written the next time.
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
