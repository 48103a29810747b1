"""A process under a time limit, that ends with all that it started."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

OK, FAILED, STOPPED, AGAIN = "ok", "failed", "stopped", "again"
TRY_AGAIN = 75  # exit code of a process that wants a fresh one to go on
_LINES = 20


class Outcome(NamedTuple):
  """What became of a process.

  Attributes:
    status: One of `OK`, `FAILED`, `STOPPED` (at the limit), `AGAIN`.
    tail: Last lines of its output.
  """

  status: str
  tail: list[str]


def run_limited(
  command: Sequence[str],
  limit: float,
  log: Path,
  cwd: Path,
  environment: Mapping[str, str],
) -> Outcome:
  """Runs a command and waits for its end, or ends it.

  Args:
    command: Command with its arguments.
    limit: Seconds that it may take.
    log: File of its output.
    cwd: Working directory.
    environment: Variables that are set for it, besides those of this process.
  """
  with log.open("w") as output:
    process = subprocess.Popen(
      command,
      cwd=cwd,
      env=os.environ | environment,
      stdin=subprocess.DEVNULL,
      stdout=output,
      stderr=subprocess.STDOUT,
      start_new_session=True,  # its own processes are ended with it
    )
    try:
      code = process.wait(limit)
      status = {0: OK, TRY_AGAIN: AGAIN}.get(code, FAILED)
    except subprocess.TimeoutExpired:
      status = STOPPED
    finally:
      _end(process)
  lines = log.read_text(errors="replace").splitlines()
  return Outcome(status, lines[-_LINES:])


def _end(process: subprocess.Popen[bytes]) -> None:
  try:
    os.killpg(process.pid, signal.SIGKILL)
  except ProcessLookupError:  # all have ended by themselves
    return
  process.wait()
