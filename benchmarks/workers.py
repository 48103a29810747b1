"""Jobs in processes of their own, timed in turn.

Allocators and thread pools of two libraries in one process would disturb each
other, and so would two processes that run at once. Each job therefore lives in
a child; the parent asks one after the other, and whoever is not asked is
stopped (SIGSTOP), so that no spinning thread and no prefetching reader takes
time from the one that is measured.

A job is a function of a number of steps that returns when they are done. The
parent writes that number as a line and reads the seconds it took:

    child -> {"ready": true}
    parent -> 10
    child -> {"seconds": 1.25}
    parent -> facts
    child -> {"facts": {"peak_bytes": 250000000}}

The facts are the most memory that the child has held, and whatever the job's
own method `facts` returns, if it has one.

Run as a program, this file is the child.
"""

import contextlib
import functools
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, Self, TextIO

import memory

Job = Callable[[int], None]

_WARM_UP_STEPS = 3


class WorkerError(RuntimeError):
  """A job could not be made or did not finish; the message is one line."""


class Worker:
  """The parent's side: a child that holds one job."""

  def __init__(self, maker: str, **arguments: Any) -> None:
    """Starts the child, stopped; `wait_until_ready` must come next.

    Args:
      maker: "module:function" in this folder, a function that returns the job.
      **arguments: of that function, JSON values.
    """
    self._process = subprocess.Popen(
      [sys.executable, __file__, maker, json.dumps(arguments)],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      bufsize=1,
      # JAX must not take a GPU here, and TensorFlow need not tell its story.
      env={**os.environ, "JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2"},
      # A group, because a job may have helpers, to be stopped with it.
      process_group=0,
    )
    # Children that warm up at once would disturb each other: PyTorch's
    # threads take tens of times as long where they do not have the CPUs.
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
      WorkerError: The job cannot be made here.
    """
    self._signal(signal.SIGCONT)
    self._answer()
    self._signal(signal.SIGSTOP)

  def seconds(self, steps: int) -> float:
    """Returns how long so many steps take.

    Raises:
      WorkerError: They failed.
    """
    return self._ask(str(steps))["seconds"]

  def facts(self) -> dict[str, Any]:
    """Returns what the child knows about itself besides times.

    Raises:
      WorkerError: It has ended.
    """
    return self._ask("facts")["facts"]

  def _ask(self, question: str) -> dict[str, Any]:
    """Lets the child go on until it has answered."""
    self._signal(signal.SIGCONT)
    with contextlib.suppress(BrokenPipeError):  # no answer will tell
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


def take_turns(
  workers: dict[str, Worker], rounds: int, steps: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
  """Times the jobs in turn.

  Args:
    workers: started ones, by name.
    rounds: turns of each.
    steps: of each turn.

  Returns:
    (seconds per step of each turn, by name of the worker; one-line reasons of
    those that failed, by name).
  """
  failures: dict[str, str] = {}

  def attempt(name: str, work: Callable[[], Any]) -> Any:
    if name in failures:
      return None
    try:
      return work()
    except WorkerError as error:
      failures[name] = str(error)

  for name, worker in workers.items():
    attempt(name, worker.wait_until_ready)
  seconds: dict[str, list[float]] = {name: [] for name in workers}
  # The first turn, with all others ready, only brings the caches into order.
  for turn in range(rounds + 1):
    for name, worker in workers.items():
      taken = attempt(name, functools.partial(worker.seconds, steps))
      if turn and taken is not None:
        seconds[name].append(taken / steps)
  return {n: seconds[n] for n in workers if n not in failures}, failures


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
  return {"peak_bytes": memory.peak(), **own()}


def _tell(answers: TextIO, **answer: Any) -> None:
  print(json.dumps(answer), file=answers, flush=True)


def _main(arguments: Sequence[str]) -> int:
  # What libraries print must not come between the answers.
  answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
  os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
  try:
    module, function = arguments[0].split(":")
    make = getattr(importlib.import_module(module), function)
    job: Job = make(**json.loads(arguments[1]))
    job(_WARM_UP_STEPS)
    _tell(answers, ready=True)
    _serve(job, answers)
  except Exception as error:  # whatever it is, the parent prints it
    text = f"{type(error).__name__}: {error}"
    _tell(answers, error=text.splitlines()[0])
    return 1
  return 0


if __name__ == "__main__":
  sys.exit(_main(sys.argv[1:]))
