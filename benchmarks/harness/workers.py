"""Jobs in processes of their own, timed in turn.

Allocators and thread pools of two libraries in one process would disturb each
other, and so would two processes that run at once. Each job therefore lives in
a child process; the parent measures one at a time and stops the others
(SIGSTOP), so that no spinning thread or prefetching reader takes time from it.

A job is a function of a number of steps that returns when they are done. The
parent writes that number as a line and reads the seconds it took:

    child -> {"ready": true}
    parent -> 10
    child -> {"seconds": 1.25}
    parent -> facts
    child -> {"facts": {"peak_bytes": 250000000}}

The facts are the peak memory of the child and the result of the job's own
method `facts`, if it has one.

Run as a program, this module is the child.
"""

import contextlib
import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TextIO

Job = Callable[[int], None]

_ROOT = pathlib.Path(__file__).parents[2]
_WARM_UP_STEPS = 3
_CPU_SECONDS = "cpu_seconds"


class WorkerError(RuntimeError):
  """A job could not be made or did not finish; the message is one line."""


class Worker:
  """Child process with one job, as the parent sees it."""

  def __init__(self, maker: str, **arguments: Any) -> None:
    """Starts the child, stopped; `wait_until_ready` must come next.

    Args:
      maker: Name of the function that returns the job, "module:function".
      **arguments: Arguments of the function, JSON values.
    """
    self._process = subprocess.Popen(
      [sys.executable, "-m", __name__, maker, json.dumps(arguments)],
      cwd=_ROOT,  # where `benchmarks` is found
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      bufsize=1,
      # JAX must not take a GPU here, and TensorFlow should not log.
      env={**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"},
      # A process group, since helpers of a job must be stopped with it.
      process_group=0,
    )
    # One child warms up at a time: PyTorch's threads take tens of times as
    # long if other processes use the CPUs.
    self._signal(signal.SIGSTOP)

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_: object) -> None:
    if self._process.poll() is None:
      self._signal(signal.SIGKILL)
    self._process.communicate()

  def wait_until_ready(self) -> None:
    """Lets the child make its job and warm it up, then stops it.

    Raises:
      WorkerError: If the job cannot be made here.
    """
    self._signal(signal.SIGCONT)
    self._answer()
    self._signal(signal.SIGSTOP)

  def seconds(self, steps: int) -> float:
    """Returns the seconds that a number of steps take.

    Raises:
      WorkerError: If they fail.
    """
    return self._ask(str(steps))["seconds"]

  def facts(self) -> dict[str, Any]:
    """Returns the facts of the child.

    Raises:
      WorkerError: If it has ended.
    """
    return self._ask("facts")["facts"]

  def _ask(self, question: str) -> dict[str, Any]:
    """Lets the child go on until it has answered."""
    self._signal(signal.SIGCONT)
    with contextlib.suppress(BrokenPipeError):  # the missing answer shows it
      print(question, file=self._process.stdin)
    answer = self._answer()
    self._signal(signal.SIGSTOP)
    return answer

  def _answer(self) -> dict[str, Any]:
    assert self._process.stdout is not None  # opened by __init__
    line = self._process.stdout.readline()
    if not line:
      raise WorkerError(f"ended with code {self._process.wait()}")
    answer = json.loads(line)
    if "error" in answer:
      raise WorkerError(answer["error"])
    return answer

  def _signal(self, number: signal.Signals) -> None:
    os.killpg(self._process.pid, number)


class CoreWorker(Worker):
  """Worker that measures CPU time of a `CoreJob`, on a busy machine too."""

  def seconds(self, steps: int) -> float:
    """Returns the seconds of CPU time that a number of steps take.

    Raises:
      WorkerError: If they fail.
    """
    before = self.facts()[_CPU_SECONDS]
    super().seconds(steps)
    return self.facts()[_CPU_SECONDS] - before


class CoreJob:
  """A job whose facts are the CPU time of its process."""

  def __init__(self, step: Callable[[], None]) -> None:
    """Stores the function that takes a step."""
    self._step = step

  def __call__(self, steps: int) -> None:
    """Takes a number of steps."""
    for _ in range(steps):
      self._step()

  def facts(self) -> dict[str, Any]:
    """Returns the seconds of all threads so far."""
    return {_CPU_SECONDS: time.process_time()}


class Done:
  """A job that is done when it is made, and has only facts."""

  def __init__(self, facts: dict[str, Any]) -> None:
    """Stores the facts."""
    self._facts = facts

  def __call__(self, steps: int) -> None:
    """Does nothing."""

  def facts(self) -> dict[str, Any]:
    """Returns the facts."""
    return self._facts


def find_out(maker: str, **arguments: Any) -> dict[str, Any]:
  """Returns the facts of a job in a process of its own, made and warmed up.

  Args:
    maker: Maker of the job, see `Worker`.
    **arguments: Arguments of the maker.

  Raises:
    WorkerError: If the job fails.
  """
  with Worker(maker, **arguments) as worker:
    worker.wait_until_ready()
    return worker.facts()


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


def available_memory() -> int | None:
  """Returns the bytes available to new processes, or None if unknown."""
  return _bytes("/proc/meminfo", "MemAvailable")


def peak_memory() -> int | None:
  """Returns the peak memory of this program in bytes, or None if unknown."""
  # Not `ru_maxrss`: it includes memory from before exec, when the process was
  # a copy of its parent.
  return _bytes("/proc/self/status", "VmHWM")


def _bytes(path: str, name: str) -> int | None:
  try:
    text = pathlib.Path(path).read_text()
  except OSError:  # not Linux
    return None
  found = re.search(rf"^{name}:\s*(\d+) kB$", text, re.MULTILINE)
  return 1024 * int(found[1]) if found else None


def _serve(job: Job, answers: TextIO) -> None:
  """Runs the job as often as the lines of the standard input say."""
  for line in sys.stdin:
    if line.strip() == "facts":
      _tell(answers, facts=_facts(job))
      continue
    start = time.perf_counter()
    job(int(line))
    _tell(answers, seconds=time.perf_counter() - start)


def _facts(job: Job) -> dict[str, Any]:
  own: Callable[[], dict[str, Any]] = getattr(job, "facts", dict)
  return {"peak_bytes": peak_memory(), **own()}


def _tell(answers: TextIO, **answer: Any) -> None:
  print(json.dumps(answer), file=answers, flush=True)


def _main(arguments: Sequence[str]) -> int:
  # Output of libraries must not mix with the answers.
  answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
  os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
  try:
    module, function = arguments[0].split(":")
    make = getattr(importlib.import_module(module), function)
    job: Job = make(**json.loads(arguments[1]))
    job(_WARM_UP_STEPS)
    _tell(answers, ready=True)
    _serve(job, answers)
  except Exception as error:  # of any kind: the parent prints it
    text = f"{type(error).__name__}: {error}"
    _tell(answers, error=text.splitlines()[0])
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(_main(sys.argv[1:]))
