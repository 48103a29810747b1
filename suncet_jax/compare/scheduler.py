"""Scheduler: runs the jobs of a comparison, a few at a time."""

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

from suncet_jax.console import streams
from suncet_jax.devices.host import can_handle_signals
from suncet_jax.devices.sigterm import TerminatedError

_SECONDS_BETWEEN_LOOKS = 0.5
_STOPPING = "Stopping: what runs saves first (once more to end without saving)"


class _Slots:
  """Disjoint sets of CPUs, so that parallel jobs do not slow each other."""

  def __init__(self, count: int) -> None:
    # CPU affinity is only available on Linux.
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

  Output goes to `output.log` in each folder. SIGINT and SIGTERM are passed on,
  so that the running jobs save; waiting jobs are not started.

  Args:
    folders: Folders of the jobs.
    parallel: Number of jobs at a time; they share the CPUs equally.
    say: Function that prints a line; called once per event.

  Returns:
    Folders whose job failed.

  Raises:
    KeyboardInterrupt: After SIGINT, when all jobs have ended.
    TerminatedError: After SIGTERM, when all jobs have ended.
  """
  waiting = collections.deque(folders)
  running: dict[subprocess.Popen, tuple[epath.Path, list[int], float]] = {}
  slots, failed = _Slots(parallel), []
  with _passed_on(running) as stop:
    while running or (waiting and not stop):
      while slots and waiting and not stop:
        folder, cpus = waiting.popleft(), slots.take()
        process = _start(folder, cpus)
        running[process] = folder, cpus, time.monotonic()
        if stop:  # the signal came before the process was in `running`
          process.terminate()
        say(f"{folder.name}: started, {len(waiting)} are waiting")
      for process in [p for p in running if p.poll() is not None]:
        folder, cpus, began = running.pop(process)
        slots.give_back(cpus)
        minutes = (time.monotonic() - began) / 60
        is_done = (folder / "done").exists()
        if not is_done:
          failed.append(folder)
        outcome = "done" if is_done else _ending(process.returncode, stop)
        say(f"{folder.name}: {outcome} after {minutes:.1f} min")
      time.sleep(_SECONDS_BETWEEN_LOOKS)
  if stop:
    was_interrupted = stop[0] == signal.SIGINT
    raise KeyboardInterrupt if was_interrupted else TerminatedError
  return failed


def _ending(code: int, signals: Sequence[int]) -> str:
  # A job that a signal kills before it can save has a negative exit code.
  return "stopped" if signals and code <= 0 else f"ended with {code}"


def _start(folder: epath.Path, cpus: list[int]) -> subprocess.Popen:
  # A whole path, since a name may begin with a dash.
  place = os.path.abspath(folder)
  command = [sys.executable, "-m", "suncet_jax.compare.job", place]
  command += [",".join(map(str, cpus))] if cpus else []
  with open(folder / "output.log", "a") as log:
    return subprocess.Popen(
      command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


@contextlib.contextmanager
def _passed_on(running: dict) -> Iterator[list[int]]:
  """Passes SIGINT and SIGTERM on to the jobs; yields the received signals."""
  received: list[int] = []

  def handle(number: int, frame: FrameType | None) -> None:
    del frame
    if not received:
      streams.notice(_STOPPING, sys.stderr)
    received.append(number)
    for process in list(running):
      process.terminate()

  passed = (signal.SIGINT, signal.SIGTERM) if can_handle_signals() else ()
  before = {number: signal.signal(number, handle) for number in passed}
  try:
    yield received
  finally:
    for process in running:  # only after an error in this process
      process.terminate()
    for number, handler in before.items():
      signal.signal(number, handler)
