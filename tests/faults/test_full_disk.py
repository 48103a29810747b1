"""A disk that is full, a real one: training goes on and saves when it can."""

import contextlib
import os
import re
import subprocess

import fault_runs
import pytest
import running

_FLAGS = ("--config.log.tensorboard=True", "--config.log.report=True")


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


def _start_and_fill(disk, cache):
  """Returns a run that has just met a full disk; it is frozen."""
  process = fault_runs.start(disk / "run", cache, *_FLAGS)
  running.wait_for(process, "step 8/")  # that of step 3 is there in full
  fault_runs.freeze(process)
  _fill(disk)
  fault_runs.thaw(process)
  seen = running.wait_for(process, "The checkpoint of step")
  fault_runs.freeze(process)
  assert re.search(r"could not be written .* \(free space there: \d", seen)
  assert "No space left on device" in seen
  return process


def test_a_run_goes_on_and_saves_once_there_is_room(disk, cache):
  process = _start_and_fill(disk, cache)
  (disk / "filler").unlink()
  fault_runs.thaw(process)
  fault_runs.output_of(process)
  run = disk / "run"
  assert fault_runs.result(run)["step"] == fault_runs.LAST_STEP
  assert fault_runs.steps(run)[-1] == fault_runs.LAST_STEP
  shown = [int(row["step"]) for row in fault_runs.history(run)]
  assert shown == sorted({*range(2, 28, 2), *range(9, 28, 9)})
  assert (run / "report.html").exists()


@pytest.mark.slow
def test_a_run_whose_last_save_failed_does_not_succeed(disk, cache):
  process = _start_and_fill(disk, cache)
  fault_runs.thaw(process)
  output = fault_runs.output_of(process, code=1)
  assert "step 26/27" in output  # it trained to the end
  newest = fault_runs.steps(disk / "run")[-1]
  assert newest < fault_runs.LAST_STEP
  # The last words; Orbax has its own where the disk gets full in mid-write.
  assert re.search(
    r"\nError: The last checkpoint could not be written .* of step "
    rf"{newest}\. Make room, [^\n]*\n$",
    output,
  )
  assert not (disk / "run" / "result.json").exists()

  (disk / "filler").unlink()
  output = fault_runs.run(disk / "run", cache, *_FLAGS)
  assert f"Going on from step {newest}" in output
