"""Lines at the end of a terminal's output that are drawn again and again."""

import atexit
import contextlib
import os
import sys
import threading
import time
from typing import Any, TextIO

from rich.console import RenderableType

from suncet_jax.console import terminal

_SECONDS = 0.25  # between two drawings, at least
_ERASE_BELOW = "\r\x1b[J"


class Region:
  """Lines that stay below everything else that is printed.

  The cursor waits in an empty line above them. What a library writes without
  Python's knowledge fills that line, and the next drawing begins below it; what
  Python prints takes the place of the lines until then. No setting of the
  terminal is changed: a program that is killed leaves nothing to mend.
  """

  def __init__(self, stream: TextIO) -> None:
    """Draws nothing yet.

    Args:
      stream: Of a terminal; see `terminal.is_terminal`.
    """
    self._stream = stream
    self._latest: RenderableType | None = None
    self._is_drawn, self._drawn_at = False, -_SECONDS
    # Reentrant: a signal's handler may print amid a drawing.
    self._lock = threading.RLock()
    self._hooked = [stream]
    if _is_same_terminal(stream, sys.stdout):
      self._hooked.append(sys.stdout)
    for each in self._hooked:
      self._hook(each)
    atexit.register(self.close)

  def draw(self, renderable: RenderableType, *, at_once: bool = False) -> None:
    """Draws in place of what was drawn before, a few times a second at most.

    Args:
      renderable: What Rich can render, of few lines.
      at_once: Whether to draw however short ago the last time was.
    """
    self._latest = renderable
    now = time.monotonic()
    if at_once or now - self._drawn_at >= _SECONDS:
      self._drawn_at = now
      lines = terminal.rendered(renderable)
      height = lines.count("\n") + 1
      self._write(f"\n{lines}\x1b[{height}A\r", is_drawn=True)

  def print(self, renderable: RenderableType) -> None:
    """Prints lines that stay; those below come with the next drawing."""
    self._write(f"{terminal.rendered(renderable)}\n")

  def close(self) -> None:
    """Leaves what was drawn last, and the cursor below it."""
    atexit.unregister(self.close)
    for stream in self._hooked:
      del stream.write
    self._hooked = []
    if self._latest is not None:
      self.print(self._latest)
      self._latest = None

  def _write(self, text: str, *, is_drawn: bool = False) -> None:
    with self._lock, contextlib.suppress(OSError):  # the terminal is gone
      self._is_drawn = False  # so that nothing is erased twice
      self._stream.write(_ERASE_BELOW + text)
      self._stream.flush()
      self._is_drawn = is_drawn

  def _hook(self, stream: TextIO) -> None:
    """Has what Python prints erase the lines first.

    The method is replaced and not `sys.stderr`, since handlers of loggers have
    kept the stream that was there when they were made.
    """
    write = stream.write

    def erase_and_write(text: str) -> Any:
      with self._lock:
        if self._is_drawn:
          self._write("")
        return write(text)

    stream.write = erase_and_write  # type: ignore[method-assign]


def _is_same_terminal(one: TextIO, other: TextIO) -> bool:
  if other is one or not terminal.is_terminal(other):
    return False
  return os.ttyname(one.fileno()) == os.ttyname(other.fileno())
