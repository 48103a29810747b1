"""SIGTERM as an exception that does not get lost."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

_SECONDS_UNTIL_AGAIN = 0.1


class TerminatedError(BaseException):
  """SIGTERM came outside of training, where nothing needs to be saved."""


@contextlib.contextmanager
def sigterm_raises() -> Iterator[list[int]]:
  """Makes SIGTERM raise a TerminatedError, until another handler is set.

  Yields:
    Signals that have come. Not empty, an error may be a consequence: other
    processes that got the signal too have ended, and with them connections.
  """
  received: list[int] = []

  def terminate(number: int, frame: FrameType | None) -> NoReturn:
    received.append(number)
    raise TerminatedError

  signal.signal(signal.SIGTERM, terminate)
  before, sys.unraisablehook = sys.unraisablehook, _send_again
  try:
    yield received
  finally:
    sys.unraisablehook = before


def _send_again(dropped: Any) -> None:
  """Sends a signal again whose exception Python has dropped.

  It does so in callbacks of the garbage collector, of which JAX has one, and in
  finalizers.
  """
  signals = {TerminatedError: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}
  number = signals.get(dropped.exc_type)
  if number is None:
    sys.__unraisablehook__(dropped)
    return
  # Not from here, where it would be dropped once more.
  arguments = os.getpid(), number
  timer = threading.Timer(_SECONDS_UNTIL_AGAIN, os.kill, arguments)
  timer.daemon = True
  timer.start()
