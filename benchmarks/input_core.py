"""CPU time on one core: what a job took, whoever else uses the machine."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from workers import Worker

_CPU_SECONDS = "cpu_seconds"


class CoreJob:
  """A job that tells how much CPU time its process has used."""

  def __init__(self, step: Callable[[], None]) -> None:
    """Takes what a step does."""
    self._step = step

  def __call__(self, steps: int) -> None:
    """Does so many steps."""
    for _ in range(steps):
      self._step()

  def facts(self) -> dict[str, Any]:
    """Returns the seconds of all threads so far."""
    return {_CPU_SECONDS: time.process_time()}


class CoreWorker(Worker):
  """Measures CPU time instead of time: the parent need not wait for peace."""

  def seconds(self, steps: int) -> float:
    """Returns how much CPU time so many steps take.

    Raises:
      WorkerError: They failed.
    """
    before = self.facts()[_CPU_SECONDS]
    super().seconds(steps)
    return self.facts()[_CPU_SECONDS] - before


@contextlib.contextmanager
def one_cpu() -> Iterator[None]:
  """Binds this process to its last CPU, and children started meanwhile."""
  if not hasattr(os, "sched_setaffinity"):  # not Linux
    raise SystemExit("Binding processes to one CPU needs Linux.")
  before = os.sched_getaffinity(0)
  os.sched_setaffinity(0, {max(before)})
  try:
    yield
  finally:
    os.sched_setaffinity(0, before)
