"""A disk that is full, a real one: training goes on and saves when it can."""

import contextlib
import os
import re
import subprocess

import fault_runs
import pytest
import running

_TENSORBOARD = "--config.log.tensorboard=True"
_EPOCHS = 12  # long enough to make room again before the end
_LAST_STEP = 108


@pytest.fixture
def disk(tmp_path):
  """A disk of 12 MB; a run needs about 5 with the report."""
  folder = tmp_path / "disk"
  folder.mkdir()
  mounted = subprocess.run(
    ["mount", "-t", "tmpfs", "-o", "size=12m", "none", folder],
    capture_output=True,
    text=True,
    check=False,
  )
  if mounted.returncode:
    pytest.skip(f"a small disk cannot be mounted: {mounted.stderr.strip()}")
  yield folder
  subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(disk):
  """Takes every byte that is left."""
  file = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
  with contextlib.suppress(OSError):
    while True:
      os.write(file, bytes(1000))
  os.close(file)


def _start_and_fill(disk, starter):
  """Returns a run that has just met a full disk; it is frozen."""
  process = fault_runs.start(
    disk / "run", starter, _TENSORBOARD, epochs=_EPOCHS
  )
  running.wait_for(process, "step 10/")
  fault_runs.freeze(process)
  _fill(disk)
  fault_runs.thaw(process)
  seen = running.wait_for(process, "The checkpoint of step")
  fault_runs.freeze(process)
  assert re.search(r"could not be written .* \(free space there: \d", seen)
  assert "No space left on device" in seen
  return process


def test_a_run_goes_on_and_saves_once_there_is_room(disk, starter):
  process = _start_and_fill(disk, starter)
  (disk / "filler").unlink()
  fault_runs.thaw(process)
  fault_runs.output_of(process)
  run = disk / "run"
  assert fault_runs.result(run)["step"] == _LAST_STEP
  assert fault_runs.steps(run)[-1] == _LAST_STEP
  shown = [int(row["step"]) for row in fault_runs.history(run)]
  assert shown == sorted({*range(2, 109, 2), *range(9, 109, 9)})
  assert (run / "report.html").exists()


def test_a_run_whose_last_save_failed_does_not_succeed(disk, starter):
  process = _start_and_fill(disk, starter)
  fault_runs.thaw(process)
  output = fault_runs.output_of(process, code=1)
  assert "step 106/108" in output  # it trained to the end
  newest = fault_runs.steps(disk / "run")[-1]
  assert newest < _LAST_STEP
  # The last words; Orbax has its own where the disk gets full in mid-write.
  assert re.search(
    r"\nError: The last checkpoint could not be written .* of step "
    rf"{newest}\. Make room, [^\n]*\n$",
    output,
  )
  assert not (disk / "run" / "result.json").exists()

  (disk / "filler").unlink()
  output = fault_runs.run(disk / "run", starter, _TENSORBOARD, epochs=_EPOCHS)
  assert f"Going on from step {newest}" in output
