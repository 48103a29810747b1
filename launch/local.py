r"""Starts a run as several processes on this machine, to try it out.

    python launch/local.py --processes=2 --devices=2 -- \
        --config=configs/digits.py --workdir=runs/two

Each process has its own virtual CPU devices; its output is marked with its
number. SIGTERM or Ctrl-C saves and ends the run; the same command goes on. When
a process is killed, the others are ended and all start again from the last
checkpoint. The exit code is 0 if all processes exit with 0, otherwise that of
the first that does not.
"""

import argparse
import contextlib
import os
import queue
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import TextIO

_SECONDS_TO_END = 5  # for the others, once a process has failed
_SECONDS_TO_SAVE = 60  # for the others, once a process has saved and ended
_NOISE = "[Gloo] Rank "


class Processes:
  """The processes of one attempt.

  Attributes:
    is_stopping: Whether they were asked to save and end.
  """

  def __init__(
    self, commands: Sequence[Sequence[str]], variables: Mapping[str, str]
  ) -> None:
    """Starts the processes.

    Args:
      commands: Commands, one per process.
      variables: Environment variables to set for all processes.
    """
    self.is_stopping = False
    self._ends: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    self._processes = [
      subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | variables,
      )
      for command in commands
    ]
    for number in range(len(commands)):
      threading.Thread(target=self._follow, args=(number,), daemon=True).start()

  def stop(self) -> None:
    """Asks all processes to save and end."""
    self.is_stopping = True
    self._send(signal.SIGTERM)

  def wait(self) -> tuple[int, int]:
    """Waits until all have ended; ends the others if one has failed.

    Returns:
      Number and exit code, negative for a signal, of the first process that did
      not exit with 0; of the last process if all did.
    """
    first, limit = None, None
    for _ in self._processes:
      number, code = self._next_end(limit)
      if code and first is None:
        first = number, code
        limit = time.monotonic() + _SECONDS_TO_END
      elif self.is_stopping and limit is None:
        limit = time.monotonic() + _SECONDS_TO_SAVE
    return first or (number, code)

  def _next_end(self, limit: float | None) -> tuple[int, int]:
    """Returns the next process to end, and its code; kills after `limit`."""
    if limit is not None:
      try:
        return self._ends.get(timeout=max(0.0, limit - time.monotonic()))
      except queue.Empty:
        self._send(signal.SIGKILL)
    return self._ends.get()

  def _send(self, number: signal.Signals) -> None:
    for process in self._processes:
      process.send_signal(number)  # does nothing to one that has ended

  def _follow(self, number: int) -> None:
    """Passes a process's output on until it ends."""
    process = self._processes[number]
    assert process.stdout is not None
    try:
      with process.stdout as lines:
        for line in lines:
          if line.strip() and not line.startswith(_NOISE):
            _print(f"[{number}] {line.rstrip()}", sys.stdout)
    finally:  # `wait` must not wait for ever if this thread fails
      self._ends.put((number, process.wait()))


def run(options: argparse.Namespace) -> int:
  """Runs the processes, restarting if one was killed; returns the exit code."""
  is_stopped = False
  processes: Processes | None = None

  def stop(number: int, frame: FrameType | None) -> None:
    nonlocal is_stopped
    is_stopped = True
    if processes is not None:
      # Also after Ctrl-C, which the terminal has already sent to all.
      processes.stop()

  if threading.current_thread() is threading.main_thread():
    for number in (signal.SIGTERM, signal.SIGINT):
      signal.signal(number, stop)
  for restart in range(options.restarts + 1):
    processes = Processes(commands(options, free_port()), variables(options))
    if is_stopped:  # the signal came during the start
      processes.stop()
    who, code = processes.wait()
    if not was_killed(code):
      return code
    _say(f"process {who} was ended by {signal.Signals(-code).name}")
    if is_stopped:
      break
    if restart < options.restarts:
      _say(
        "all start again from the last checkpoint "
        f"(restart {restart + 1} of {options.restarts})"
      )
  return 128 - code


def was_killed(code: int) -> bool:
  """Returns whether a process was ended by a signal: a restart may help."""
  # An error of the program or of its flags would come again. JAX aborts, by a
  # signal, when it misses another process.
  return code < 0


def commands(options: argparse.Namespace, port: int) -> list[list[str]]:
  """Returns the command of each process; process 0 listens on `port`."""
  return [
    [
      sys.executable,
      *("-m", "suncet_jax.main"),
      f"--coordinator=127.0.0.1:{port}",
      f"--process_count={options.processes}",
      f"--process_id={number}",
      *options.flags,
    ]
    for number in range(options.processes)
  ]


def variables(options: argparse.Namespace) -> dict[str, str]:
  """Returns the environment variables of all processes."""
  return {
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": str(options.devices),
  }


def free_port() -> int:
  """Returns an unused port of this machine."""
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
  """Parses the command line; ends the program with 2 if it is wrong."""
  parser = argparse.ArgumentParser(
    usage="python launch/local.py [OPTION...] -- FLAG...",
    description=__doc__,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument("--processes", type=_at_least(1), default=2)
  parser.add_argument(
    "--devices", type=_at_least(1), default=1, help="virtual ones per process"
  )
  parser.add_argument(
    "--restarts",
    type=_at_least(0),
    default=3,
    help="how often to start again after a process was killed; default: 3",
  )
  parser.add_argument(
    "--dry-run", action="store_true", help="print the commands, run none"
  )
  parser.add_argument(
    "flags", nargs="*", metavar="FLAG", help="flag of suncet_jax.main, after --"
  )
  return parser.parse_args(arguments)


def main() -> int:
  """Runs the command line; returns the exit code."""
  options = parse(sys.argv[1:])
  if options.dry_run:
    settings = [f"{name}={value}" for name, value in variables(options).items()]
    for command in commands(options, free_port()):
      _print(" ".join([*settings, shlex.join(command)]), sys.stdout)
    return 0
  return run(options)


def _at_least(least: int) -> Callable[[str], int]:
  def count(text: str) -> int:
    if int(text) < least:
      raise argparse.ArgumentTypeError(f"expected at least {least}, got {text}")
    return int(text)

  return count


def _say(text: str) -> None:
  _print(f"launch/local.py: {text}", sys.stderr)


def _print(line: str, stream: TextIO | None) -> None:
  """Prints a line whatever the stream can encode; elsewhere if it is closed."""
  encoding = getattr(stream, "encoding", None) or "ascii"
  line = line.encode(encoding, "backslashreplace").decode(encoding)
  with contextlib.suppress(OSError, ValueError):
    # With its end in one piece: another process's thread may come in between.
    print(f"{line}\n", end="", file=stream or sys.stderr, flush=True)


if __name__ == "__main__":
  raise SystemExit(main())
