"""Runs the jobs of a comparison, a few at a time."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from etils import epath

_SECONDS_BETWEEN_LOOKS = 0.5


class _Slots:
  """Which CPUs are whose: jobs side by side do not disturb each other."""

  def __init__(self, count: int) -> None:
    # Only Linux lets a process choose its CPUs.
    is_linux = hasattr(os, "sched_getaffinity")
    cpus = sorted(os.sched_getaffinity(0)) if is_linux else []
    share = len(cpus) // count
    self._free = collections.deque(
      cpus[i * share : (i + 1) * share] if share else cpus for i in range(count)
    )

  def take(self) -> list[int]:
    return self._free.popleft()

  def give_back(self, cpus: list[int]) -> None:
    self._free.append(cpus)

  def __bool__(self) -> bool:
    return bool(self._free)


def run_jobs(
  folders: Sequence[epath.Path],
  parallel: int,
  say: Callable[[str], None],
) -> list[epath.Path]:
  """Runs `suncet_jax.compare.job` in each folder.

  Output goes to `output.log` of each. SIGINT and SIGTERM are passed on, so
  that the running jobs save; the others are not begun.

  Args:
    folders: Of the jobs.
    parallel: How many at a time; each gets as many of the CPUs.
    say: Gets one line per event.

  Returns:
    Folders whose job failed.

  Raises:
    KeyboardInterrupt: After SIGINT or SIGTERM, when all have ended.
  """
  waiting = collections.deque(folders)
  running: dict[subprocess.Popen, tuple[epath.Path, list[int], float]] = {}
  slots, failed = _Slots(parallel), []
  with _passed_on(running) as stop:
    while running or (waiting and not stop):
      while slots and waiting and not stop:
        folder, cpus = waiting.popleft(), slots.take()
        running[_start(folder, cpus)] = folder, cpus, time.monotonic()
        say(f"{folder.name}: started, {len(waiting)} are waiting")
      for process in [p for p in running if p.poll() is not None]:
        folder, cpus, began = running.pop(process)
        slots.give_back(cpus)
        minutes = (time.monotonic() - began) / 60
        is_done = (folder / "done").exists()
        if not is_done and not stop:
          failed.append(folder)
        outcome = "done" if is_done else f"ended with {process.returncode}"
        say(f"{folder.name}: {outcome} after {minutes:.1f} min")
      time.sleep(_SECONDS_BETWEEN_LOOKS)
  if stop:
    raise KeyboardInterrupt
  return failed


def _start(folder: epath.Path, cpus: list[int]) -> subprocess.Popen:
  command = [sys.executable, "-m", "suncet_jax.compare.job", str(folder)]
  command += [",".join(map(str, cpus))] if cpus else []
  with open(folder / "output.log", "a") as log:
    return subprocess.Popen(
      command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


@contextlib.contextmanager
def _passed_on(running: dict) -> Iterator[list[int]]:
  """Passes SIGINT and SIGTERM on to the jobs; yields those that came."""
  received: list[int] = []

  def handle(number: int, frame: FrameType | None) -> None:
    del frame
    received.append(number)
    for process in list(running):
      process.send_signal(signal.SIGTERM)

  before = {
    n: signal.signal(n, handle) for n in (signal.SIGINT, signal.SIGTERM)
  }
  try:
    yield received
  finally:
    for number, handler in before.items():
      signal.signal(number, handler)
