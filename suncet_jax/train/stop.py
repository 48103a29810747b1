"""Stop requests: SIGTERM and Ctrl-C finish the step, save and end."""

import os
import signal
import sys
import time
from types import FrameType, TracebackType

import jax

from suncet_jax.console import streams
from suncet_jax.devices.host import can_handle_signals
from suncet_jax.train.monitor import print_once

_SECONDS_TO_NOTICE = 2.0  # JAX looks for the signal once a second
_UNHEARD = (
  "This run is in a thread other than the main one: SIGTERM and Ctrl-C do not "
  "make it save."
)


class StopRequest:
  """Notes SIGTERM and SIGINT while it is the active context.

  In a run of several processes JAX's preemption service owns SIGTERM, since
  all processes must stop after the same step; Ctrl-C is passed on to it. In a
  thread other than the main one no signal can be noted, which is said.

  Attributes:
    signal: Signal that was received, or None.
  """

  def __init__(self) -> None:
    """Initializes without a request."""
    self.signal: signal.Signals | None = None
    self._is_requested = False
    self._previous: dict[signal.Signals, object] = {}

  def __enter__(self) -> "StopRequest":
    """Starts to listen."""
    if not can_handle_signals():
      print_once(_UNHEARD)
      return self
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
    """Restores the previous handlers."""
    # JAX's preemption service replaced the handler of SIGTERM behind Python's
    # back. Nothing polls it from here on, so a signal would be lost.
    if not can_handle_signals():
      return
    self._previous.setdefault(signal.SIGTERM, signal.getsignal(signal.SIGTERM))
    for number, handler in self._previous.items():
      if handler is not None:  # None: set by a program around Python
        signal.signal(number, handler)  # type: ignore[arg-type]

  def request(self) -> None:
    """Asks all processes of a multi-process run to save a step and stop.

    Returns once JAX's preemption service has noticed.
    """
    # From then on asking it for the step waits until all processes agree.
    if not self._is_requested:
      self._is_requested = True
      os.kill(os.getpid(), signal.SIGTERM)
      time.sleep(_SECONDS_TO_NOTICE)

  def _note(self, number: int, frame: FrameType | None) -> None:
    del frame
    if self.signal is not None:  # the second signal ends at once, unsaved
      raise KeyboardInterrupt
    self.signal = signal.Signals(number)
    notice = (
      f"{self.signal.name} received: finishing this step, then saving "
      "(once more to end without saving)."
    )
    streams.notice(notice, sys.stdout)
    if jax.process_count() > 1:
      os.kill(os.getpid(), signal.SIGTERM)
