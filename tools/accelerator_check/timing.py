"""Time of a call."""

import statistics
import time
from collections.abc import Callable


def median_seconds(call: Callable[[], object], repeats: int) -> float:
  """Returns the median of the seconds that a call takes.

  Args:
    call: Call that returns once the device has finished.
    repeats: Number of calls.
  """
  seconds = []
  for _ in range(repeats):
    began = time.perf_counter()
    call()
    seconds.append(time.perf_counter() - began)
  return statistics.median(seconds)
