"""Running the jobs of a comparison: order, failures, signals."""

import os
import signal
import sys
import threading
import time

import pytest

from suncet_jax.compare.scheduler import run_jobs
from suncet_jax.devices.sigterm import TerminatedError

# Called as `python -m suncet_jax.compare.job FOLDER ...` would be.
_STAND_IN = """#!/bin/sh
trap 'touch "$3/saved"; exit 0' TERM
touch "$3/started"
{body}
"""
_DONE = 'touch "$3/done"'
_FOR_LONG = "while true; do sleep 0.05; done"


@pytest.fixture
def folders(tmp_path):
  made = [tmp_path / name for name in "abc"]
  for folder in made:
    folder.mkdir()
  return made


def _stand_in(tmp_path, monkeypatch, body):
  path = tmp_path / "job.sh"
  path.write_text(_STAND_IN.format(body=body))
  path.chmod(0o755)
  monkeypatch.setattr(sys, "executable", str(path))


def _wait_for(path):
  deadline = time.monotonic() + 20
  while not path.exists():
    assert time.monotonic() < deadline, f"no {path.name} came"
    time.sleep(0.02)


def test_all_are_run_and_those_that_did_not_finish_are_told(
  tmp_path, folders, monkeypatch
):
  body = f'case "$3" in */b) exit 3;; *) {_DONE};; esac'
  _stand_in(tmp_path, monkeypatch, body)
  said = []
  assert run_jobs(folders, 2, said.append) == [folders[1]]
  assert sum("started" in line for line in said) == 3
  (failed,) = (line for line in said if line.startswith("b: ended"))
  assert "ended with 3 after 0.0 min" in failed
  assert all((folder / "output.log").exists() for folder in folders)


@pytest.mark.parametrize(
  ("number", "error"),
  [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, TerminatedError)],
)
def test_a_signal_reaches_what_runs_and_nothing_more_begins(
  tmp_path, folders, monkeypatch, number, error
):
  _stand_in(tmp_path, monkeypatch, _FOR_LONG)
  before, said = signal.getsignal(number), []

  def say(line):
    if line.startswith("b: started"):
      _wait_for(folders[1] / "started")
      os.kill(os.getpid(), number)

  with pytest.raises(error):
    run_jobs(folders, 2, lambda line: [said.append(line), say(line)])
  assert sum("stopped after" in line for line in said) == 2
  assert [(folder / "saved").exists() for folder in folders] == [
    True,
    True,
    False,
  ]
  assert not (folders[2] / "started").exists()
  assert signal.getsignal(number) == before


def test_a_signal_needs_no_standard_error(tmp_path, folders, monkeypatch):
  _stand_in(tmp_path, monkeypatch, _FOR_LONG)
  monkeypatch.setattr(sys, "stderr", None)

  def say(line):
    if line.startswith("a: started"):
      _wait_for(folders[0] / "started")
      os.kill(os.getpid(), signal.SIGTERM)

  with pytest.raises(TerminatedError):
    run_jobs(folders[:1], 1, say)
  assert (folders[0] / "saved").exists()


def test_jobs_run_from_another_thread_too(tmp_path, folders, monkeypatch):
  _stand_in(tmp_path, monkeypatch, _DONE)
  failed = []
  thread = threading.Thread(
    target=lambda: failed.append(run_jobs(folders, 3, lambda line: None))
  )
  thread.start()
  thread.join()
  assert failed == [[]]


def test_an_error_leaves_no_job_behind(tmp_path, folders, monkeypatch):
  _stand_in(tmp_path, monkeypatch, _FOR_LONG)

  def say(line):
    _wait_for(folders[0] / "started")
    raise OSError("no space left on device")

  with pytest.raises(OSError, match="no space left"):
    run_jobs(folders, 1, say)
  _wait_for(folders[0] / "saved")
