"""Estimate of the time that is left until the end of training."""

import collections
import statistics
from typing import NamedTuple

_INTERVALS = 20  # so many of the newest: later phases have another pace
# An interval that is so much slower than usual holds a compilation.
_UNUSUAL = 3.0


class _Interval(NamedTuple):
  steps: int
  seconds: float

  @property
  def pace(self) -> float:
    return self.seconds / self.steps


class TimeLeft:
  """Estimates from the pace of the steps, without what happens once.

  Compiling takes as long as hundreds of steps of a short run: neither the first
  step, nor the first evaluation, nor the first step of another kind counts.
  """

  def __init__(self, total_steps: int) -> None:
    """Begins without an estimate.

    Args:
      total_steps: Number of steps of the whole run.
    """
    self._total_steps = total_steps
    self._first_step = 0
    self._last: tuple[int, float] | None = None  # step, time
    self._paused = 0.0  # seconds since then that are none of training
    self._intervals: collections.deque[_Interval]
    self._intervals = collections.deque(maxlen=_INTERVALS)
    self._pauses: list[float] = []

  def start(self, step: int, now: float) -> None:
    """Starts the clock, once what is compiled first is compiled.

    Args:
      step: Number of steps taken.
      now: Time in seconds.
    """
    self._first_step, self._last = step, (step, now)

  def pause(self, seconds: float) -> None:
    """Adds an evaluation between steps."""
    self._paused += seconds
    self._pauses.append(seconds)

  def at(self, step: int, now: float) -> float | None:
    """Returns the seconds left after a step; None: they are not known yet.

    Args:
      step: Number of steps taken.
      now: Time in seconds.
    """
    if self._last is None:
      self.start(step, now)
    else:
      steps, seconds = step - self._last[0], now - self._last[1] - self._paused
      if steps:
        self._intervals.append(_Interval(steps, seconds))
      self._last = step, now
    self._paused = 0.0
    if not self._intervals:
      return None
    return (self._total_steps - step) * (self._pace() + self._pauses_per_step())

  def _pace(self) -> float:
    """Returns the seconds of a step."""
    limit = _UNUSUAL * statistics.median(i.pace for i in self._intervals)
    usual = [i for i in self._intervals if i.pace <= limit]
    return sum(i.seconds for i in usual) / sum(i.steps for i in usual)

  def _pauses_per_step(self) -> float:
    """Returns the seconds of evaluations, as the later ones take them."""
    later = self._pauses[1:]
    if not later or self._last is None:
      return 0.0
    steps = self._last[0] - self._first_step
    return statistics.median(later) * len(self._pauses) / max(steps, 1)
