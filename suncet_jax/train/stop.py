"""SIGTERM and Ctrl-C: finish the step, save, end."""

import contextlib
import os
import signal
import sys
import time
from types import FrameType, TracebackType

import jax

_SECONDS_TO_NOTICE = 2.0  # JAX looks for the signal once a second


class StopRequest:
  """Notes SIGTERM and SIGINT while it is the active context.

  In a run of several processes JAX's preemption service owns SIGTERM, since
  all processes must stop after the same step; Ctrl-C is passed on to it.

  Attributes:
    signal: The signal that came, or None.
  """

  def __init__(self) -> None:
    """Nothing has come yet."""
    self.signal: signal.Signals | None = None
    self._is_requested = False
    self._previous: dict[signal.Signals, object] = {}

  def __enter__(self) -> "StopRequest":
    """Starts to listen."""
    wanted = [signal.SIGINT]
    if jax.process_count() == 1:
      wanted.append(signal.SIGTERM)
    for number in wanted:
      self._previous[number] = signal.signal(number, self._note)
    return self

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
  ) -> None:
    """Puts the handlers back that were there before."""
    # JAX's service has taken SIGTERM without Python's knowledge. Nobody asks it
    # any more, so that a signal would be lost.
    self._previous.setdefault(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    for number, handler in self._previous.items():
      signal.signal(number, handler)  # type: ignore[arg-type]

  def request(self) -> None:
    """Asks all processes of a run of several to save the same step and stop.

    Returns once JAX knows of it: asking for the step then waits until all
    processes have agreed.
    """
    if not self._is_requested:
      self._is_requested = True
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(_SECONDS_TO_NOTICE)

  def _note(self, number: int, frame: FrameType | None) -> None:
    del frame
    if self.signal is not None:  # asked twice: at once, without saving
      raise KeyboardInterrupt
    self.signal = signal.Signals(number)
    notice = (
      f"{self.signal.name} received: finishing this step, then saving "
      "(once more to end without saving).\n"
    )
    # Not print: it may be what was interrupted, or its reader may be gone.
    with contextlib.suppress(OSError):
      os.write(sys.stdout.fileno(), notice.encode())
    if jax.process_count() > 1:
      os.kill(os.getpid(), signal.SIGTERM)
