"""A run whose output is closed or replaced, and one in another thread."""

import signal
import time

import fault_runs
import pytest
import running

_CLOSED = {
  "standard output": (1,),
  "standard error": (2,),
  "both": (1, 2),
}
# As Python starts with closed descriptors.
_COMMAND = """
import os, runpy, sys
for number in {closed}:
  os.close(number)
  setattr(sys, ("stdout", "stderr")[number - 1], None)
sys.argv = ["suncet_jax.main", *sys.argv[1:]]
runpy.run_module("suncet_jax.main", run_name="__main__", alter_sys=True)
"""

# As in a program of one's own, whose class is all that many write.
_LIBRARY = f"""
import io, os, sys, threading
sys.path.insert(0, {str(running.ROOT / "tests")!r})
import tiny
from suncet_jax.train.run import run

class Logger:
  def __init__(self):
    self.file = os.fdopen(os.dup(1), "w")
  def write(self, text):
    self.file.write(text)
    self.file.flush()

class Closed(io.StringIO):
  def __init__(self):
    super().__init__()
    self.close()

config, data = tiny.settings(epochs=int(sys.argv[2]))
config.log.every_steps = 1
config.log.report = False
config.checkpoint.every_epochs = 0.5
config.evals.update(final=("knn",), every_epochs=0.0)
train = lambda: run(config, sys.argv[1], dataset=data)
"""
_REPLACED = """
sys.stdout, sys.stderr = {made}, {made}
code = train()
sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__  # Python flushes them
sys.exit(code)
"""
_IN_A_THREAD = """
codes = []
thread = threading.Thread(target=lambda: codes.append(train()))
thread.start()
thread.join()
sys.exit(codes[0])
"""


def _stop_when_saved(process, workdir):
  """Sends SIGTERM once there is a checkpoint; returns code and output."""
  deadline = time.monotonic() + 120
  folder = workdir / "checkpoints"
  while not (folder.exists() and fault_runs.steps(workdir)):
    assert time.monotonic() < deadline, process.communicate()
    time.sleep(0.05)
  process.send_signal(signal.SIGTERM)
  output, _ = process.communicate(timeout=120)
  return process.returncode, output


@pytest.mark.parametrize(
  "which",
  [
    "standard output",
    pytest.param("standard error", marks=pytest.mark.slow),
    pytest.param("both", marks=pytest.mark.slow),
  ],
)
def test_a_run_without_output_is_saved_and_says_so_where_it_can(
  tmp_path, small_run, cache, which
):
  process = running.start_code(
    _COMMAND.format(closed=_CLOSED[which]),
    *fault_runs.FLAGS,
    f"--workdir={tmp_path}",
    cache=cache,
  )
  code, output = _stop_when_saved(process, tmp_path)
  assert code == 0, output
  saved = fault_runs.steps(tmp_path)[-1]
  if which == "both":
    assert output == ""
  else:
    assert "SIGTERM received" in output
    assert f"Saved step {saved} of 27" in output
  # What libraries print must not be in a file that took the descriptor.
  assert (tmp_path / ".lock").read_bytes() == b""
  again = fault_runs.run(tmp_path, cache)
  assert f"Going on from step {saved}" in again
  fault_runs.assert_same_run(tmp_path, small_run)


@pytest.mark.parametrize(
  "made",
  [
    "None",
    "Logger()",
    pytest.param("io.StringIO()", marks=pytest.mark.slow),
    pytest.param("Closed()", marks=pytest.mark.slow),
  ],
)
def test_a_program_with_its_own_streams_is_saved(tmp_path, cache, made):
  process = running.start_code(
    _LIBRARY + _REPLACED.format(made=made), tmp_path, "1000", cache=cache
  )
  code, output = _stop_when_saved(process, tmp_path)
  assert code == 0, output
  saved = f"Saved step {fault_runs.steps(tmp_path)[-1]} of 4000"
  assert (saved in output) == (made == "Logger()")
  assert "Error" not in output


def test_a_run_in_another_thread_works_without_handlers(tmp_path, cache):
  code, output = running.run_code(
    _LIBRARY + _IN_A_THREAD, tmp_path, "2", cache=cache
  )
  assert code == 0, output
  assert fault_runs.result(tmp_path)["step"] == 8
  assert output.count("in a thread other than the main one") == 1
