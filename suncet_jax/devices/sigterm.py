"""SIGTERM as an exception, outside of training, which saves first."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from suncet_jax.devices.host import can_handle_signals

_SECONDS_UNTIL_AGAIN = 0.1


class TerminatedError(BaseException):
  """SIGTERM was received outside of training: nothing needs to be saved."""


@contextlib.contextmanager
def sigterm_raises() -> Iterator[list[int]]:
  """Makes SIGTERM raise a TerminatedError, until another handler is set.

  Yields:
    Signals received so far. If there are any, an error may be a consequence:
    peers that got the signal too have ended and closed their connections.
  """
  received: list[int] = []

  def terminate(number: int, frame: FrameType | None) -> NoReturn:
    received.append(number)
    raise TerminatedError

  if can_handle_signals():
    signal.signal(signal.SIGTERM, terminate)
  before, sys.unraisablehook = sys.unraisablehook, _send_again
  try:
    yield received
  finally:
    sys.unraisablehook = before


def _send_again(dropped: Any) -> None:
  """Sends a signal again whose exception Python has dropped."""
  # Python drops exceptions in finalizers and in callbacks of the garbage
  # collector, of which JAX has one.
  signals = {TerminatedError: signal.SIGTERM, KeyboardInterrupt: signal.SIGINT}
  number = signals.get(dropped.exc_type)
  if number is None:
    sys.__unraisablehook__(dropped)
    return
  # Later and from a thread: raised here it would be dropped again.
  arguments = os.getpid(), number
  timer = threading.Timer(_SECONDS_UNTIL_AGAIN, os.kill, arguments)
  timer.daemon = True
  timer.start()
