"""Waiting for something whose end nobody knows, shown with its seconds."""

import sys
import threading
import time

from rich.text import Text

from suncet_jax.console import terminal
from suncet_jax.console.progress import LiveLines, facts, live_lines


class Waiting:
  """Seconds so far, on standard error.

  Attributes:
    live: Line on a terminal, redrawn in place; None elsewhere, where a line is
      printed now and then.
  """

  live: LiveLines | None

  def __init__(self, title: str, *, every_seconds: float = 10.0) -> None:
    """Starts the clock.

    Args:
      title: Name of what is waited for.
      every_seconds: Seconds between two lines without a terminal.
    """
    self._title, self._every = title, every_seconds
    self._began = time.monotonic()
    self._ended = threading.Event()
    self.live = live_lines(self)
    if self.live is None:
      threading.Thread(target=self._tell, name="waiting", daemon=True).start()

  def __rich__(self) -> Text:
    """Returns the line as it is now."""
    return facts(self._line())

  def end(self) -> None:
    """Ends the clock; the line on a terminal is left to its owner."""
    self._ended.set()

  def _line(self) -> str:
    return f"{self._title} ... {time.monotonic() - self._began:.0f} s"

  def _tell(self) -> None:
    while not self._ended.wait(self._every):
      terminal.say(self._line(), sys.stderr)
