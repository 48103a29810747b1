"""Progress reporting: a live bar on a terminal, plain lines elsewhere."""

import atexit
import contextlib
import datetime
import os
import sys
import time
from collections.abc import Iterable
from typing import Any, TextIO, cast

from absl import logging
from rich.console import (
  Console,
  ConsoleOptions,
  ConsoleRenderable,
  Group,
  RenderableType,
  RenderResult,
)
from rich.control import Control
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.segment import ControlType, Segment
from rich.table import Table
from rich.text import Text

from suncet_jax.console import terminal

_ERASE_BELOW = Segment("\x1b[J", None, [(ControlType.ERASE_IN_LINE, 0)])


class LiveLines(Live):
  """Lines that stay below all other output and are redrawn in place."""

  # Rich leaves the cursor after the last line and goes up from there, which
  # erases what C++ code has printed meanwhile. Here the cursor waits in an
  # empty line above: such text fills that line, and the next drawing begins
  # below it.

  def __init__(self, renderable: RenderableType) -> None:
    """Draws at once; standard error must be a terminal.

    Args:
      renderable: Lines to begin with.
    """
    # Standard output that goes to a file must not be drawn here.
    is_shared = terminal.is_terminal(sys.stdout) and os.path.sameopenfile(
      sys.stdout.fileno(), sys.stderr.fileno()
    )
    super().__init__(
      renderable,
      console=Console(
        file=cast(TextIO, _LastingStream(sys.stderr)),
        force_terminal=True,
        force_jupyter=False,
        markup=False,
        emoji=False,
        highlight=False,
        **terminal.size_settings(),  # type: ignore[arg-type]
      ),
      redirect_stdout=is_shared,
    )
    self._below = _Below(self._live_render)
    self._absl_stream: Any = None
    self.start(refresh=True)

  def start(self, refresh: bool = False) -> None:
    """Starts to draw, a few times a second.

    Args:
      refresh: Whether to draw at once.
    """
    before = sys.stderr
    super().start(refresh)
    # Rich hides the cursor, and a killed program would leave it hidden.
    self.console.show_cursor(True)
    # Absl's handler still holds the stream that Rich has replaced.
    handler = logging.get_absl_handler().python_handler
    if handler.stream is before:
      self._absl_stream = handler.setStream(sys.stderr)
    atexit.register(self.stop)

  def stop(self) -> None:
    """Stops drawing; the latest lines stay, the cursor goes below them."""
    super().stop()
    atexit.unregister(self.stop)
    if self._absl_stream is not None:
      logging.get_absl_handler().python_handler.setStream(self._absl_stream)
      self._absl_stream = None

  def process_renderables(
    self, renderables: list[ConsoleRenderable]
  ) -> list[ConsoleRenderable]:
    """Returns what to write to print something above the lines.

    Args:
      renderables: Things to print; an empty control if there are none.
    """
    lines = self._below if self.is_started else self._live_render
    return [_EraseBelow(), *renderables, lines]


class _EraseBelow:
  """Control codes that erase the line of the cursor and all below it."""

  def __rich_console__(
    self, console: Console, options: ConsoleOptions
  ) -> RenderResult:
    yield Control(ControlType.CARRIAGE_RETURN)
    yield _ERASE_BELOW


class _Below:
  """Lines below an empty one, in which the cursor stays."""

  def __init__(self, lines: RenderableType) -> None:
    self._lines = lines

  def __rich_console__(
    self, console: Console, options: ConsoleOptions
  ) -> RenderResult:
    lines = console.render_lines(self._lines, options, pad=False)
    for line in lines:
      yield Segment.line()
      yield from line
    yield Control(
      (ControlType.CURSOR_UP, len(lines)), ControlType.CARRIAGE_RETURN
    )


class _LastingStream:
  """Stream of a terminal that ignores errors once the terminal is gone."""

  def __init__(self, stream: TextIO) -> None:
    self._stream = stream

  def write(self, text: str) -> int:
    with contextlib.suppress(OSError):
      self._stream.write(text)
    return len(text)

  def writelines(self, lines: Iterable[str]) -> None:
    self.write("".join(lines))

  def flush(self) -> None:
    with contextlib.suppress(OSError):
      self._stream.flush()

  def __getattr__(self, name: str) -> Any:
    return getattr(self._stream, name)


def live_lines(renderable: RenderableType) -> LiveLines | None:
  """Returns lines drawn on standard error, or None if it is not a terminal.

  Args:
    renderable: Lines to begin with.
  """
  return LiveLines(renderable) if terminal.is_terminal(sys.stderr) else None


def bar(done: float, beside: str, below: str = "") -> RenderableType:
  """Returns a progress bar.

  Args:
    done: Share of the work that is done, in [0, 1].
    beside: Text to the right of the bar.
    below: Text below the bar.
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
  """Returns the remaining time as text for a terminal."""
  return f"left {datetime.timedelta(seconds=int(seconds))}"


class Counter:
  """Counter of finished things, shown on standard error; a context manager."""

  def __init__(
    self, title: str, total: int, unit: str, *, every_seconds: float = 30.0
  ) -> None:
    """Starts the clock, and the bar on a terminal.

    Args:
      title: Name of the work.
      total: Number of things to do.
      unit: Name of the things, in the plural.
      every_seconds: Seconds between two lines without a terminal.
    """
    self._title, self._total, self._unit = title, total, unit
    self._every = every_seconds
    self._done, self._began = 0, time.monotonic()
    self._told_at = self._began
    self._live = live_lines(self._bar())

  def __enter__(self) -> "Counter":
    """Returns itself."""
    return self

  def __exit__(self, *error: object) -> None:
    """Ends the bar in its latest state."""
    if self._live:
      self._live.update(self._bar())
      self._live.stop()

  def add(self, count: int) -> None:
    """Adds to the count; redraws the bar, or prints a line if due."""
    self._done += count
    if self._live:
      self._live.update(self._bar())
    elif time.monotonic() - self._told_at >= self._every:
      self._told_at = time.monotonic()
      share = self._done / self._total
      line = f"{self._title}: {share:.0%}  {self._beside()}"
      terminal.say(line, sys.stderr)

  def _bar(self) -> RenderableType:
    share = self._done / max(self._total, 1)
    return bar(share, f"{self._title}  {self._beside()}")

  def _beside(self) -> str:
    place = f"{self._done:,} of {self._total:,} {self._unit}"
    if not self._done:  # nobody knows yet
      return place
    elapsed = time.monotonic() - self._began
    left = elapsed / self._done * (self._total - self._done)
    return f"{place}  {remaining(left)}"
