"""How far something long is: a bar at a terminal, else lines."""

import datetime
import sys
import time

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from suncet_jax.console import terminal
from suncet_jax.console.live import Region


def bar(done: float, beside: str, below: str = "") -> RenderableType:
  """Returns a progress bar.

  Args:
    done: Share of the work, in [0, 1].
    beside: To the right of it.
    below: Further lines.
  """
  drawn = ProgressBar(
    total=1.0,
    completed=done,
    style="bright_black",
    complete_style="cyan",
    finished_style="green",
  )
  grid = Table.grid(padding=(0, 2), expand=True)
  grid.add_column(ratio=1)
  grid.add_column(no_wrap=True)
  grid.add_row(drawn, facts(f"{done:.0%}  {beside}"))
  return Group(grid, facts(below)) if below else grid


def facts(line: str) -> Text:
  """Returns text whose numbers stand out."""
  text = Text(line, style="bright_black")
  text.highlight_regex(r"(?<!\S)\d\S*", "default")
  return text


def remaining(seconds: float) -> str:
  """Returns the time that is left, for a terminal."""
  return f"left {datetime.timedelta(seconds=int(seconds))}"


class Counter:
  """Counts what is done, for standard error; a context manager."""

  def __init__(
    self, title: str, total: int, unit: str, *, every_seconds: float = 30.0
  ) -> None:
    """Begins.

    Args:
      title: What is worked on.
      total: Of how many.
      unit: What they are, in the plural.
      every_seconds: Between two lines, where there is no terminal.
    """
    self._title, self._total, self._unit = title, total, unit
    self._every = every_seconds
    self._done, self._began = 0, time.monotonic()
    self._told_at = self._began
    self._region = (
      Region(sys.stderr) if terminal.is_terminal(sys.stderr) else None
    )

  def __enter__(self) -> "Counter":
    """Returns itself."""
    return self

  def __exit__(self, *error: object) -> None:
    """Leaves the bar, as it was at last."""
    if self._region:
      self._draw(self._region, at_once=True)
      self._region.close()

  def add(self, count: int) -> None:
    """Notes that so many more are done, and may tell it."""
    self._done += count
    if self._region:
      self._draw(self._region)
    elif time.monotonic() - self._told_at >= self._every:
      self._told_at = time.monotonic()
      share = self._done / self._total
      line = f"{self._title}: {share:.0%}  {self._beside()}"
      terminal.say(line, sys.stderr)

  def _draw(self, region: Region, *, at_once: bool = False) -> None:
    share = self._done / max(self._total, 1)
    region.draw(bar(share, f"{self._title}  {self._beside()}"), at_once=at_once)

  def _beside(self) -> str:
    elapsed = time.monotonic() - self._began
    left = elapsed / max(self._done, 1) * (self._total - self._done)
    return f"{self._done:,} of {self._total:,} {self._unit}  {remaining(left)}"
