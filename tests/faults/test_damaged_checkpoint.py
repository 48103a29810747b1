"""Damage of the newest checkpoints is found, and an older one is taken."""

import shutil

import fault_runs
import pytest


def _damage(checkpoints):
  """Damages the newest three, each in its own way, and leaves a partial one."""
  fault_runs.flip_a_bit(fault_runs.largest_file(checkpoints / "27" / "state"))
  truncated = fault_runs.largest_file(checkpoints / "24" / "state")
  truncated.write_bytes(truncated.read_bytes()[:5000])
  # Half written, but under its final name, as a bucket or a crash may leave it.
  shutil.rmtree(checkpoints / "21" / "state")
  shutil.copytree(
    checkpoints / "18" / "meta", checkpoints / "28.orbax-checkpoint-tmp"
  )
  # An earlier start has met the same step damaged.
  shutil.copytree(checkpoints / "24", checkpoints / "corrupt-24")


def _assert_set_aside(workdir, output):
  for step in (27, 24, 21):
    assert f"checkpoint of step {step}" in output
  assert "digest mismatch" in output  # what no reader notices by itself
  assert "Going on from step 18" in output
  names = {path.name for path in (workdir / "checkpoints").iterdir()}
  assert {"corrupt-27", "corrupt-24", "corrupt-24-2", "corrupt-21"} <= names
  assert fault_runs.steps(workdir)[-1] == 27  # made again


def test_one_process_goes_on_from_the_newest_intact_one(
  tmp_path, small_run, cache
):
  run = fault_runs.copy_unfinished(small_run, tmp_path / "run")
  _damage(run / "checkpoints")
  _assert_set_aside(run, fault_runs.run(run, cache))
  fault_runs.assert_same_run(run, small_run)


@pytest.mark.slow
def test_two_processes_go_on_from_the_same_one(tmp_path, small_run, cache):
  run = fault_runs.copy_unfinished(small_run, tmp_path / "run")
  _damage(run / "checkpoints")
  outputs = fault_runs.outputs_of(fault_runs.start_two(run, cache))
  _assert_set_aside(run, outputs[0])
  assert fault_runs.result(run)["step"] == fault_runs.LAST_STEP


def test_without_an_intact_one_no_process_begins_anew(
  tmp_path, small_run, cache
):
  run = fault_runs.copy_unfinished(small_run, tmp_path / "run")
  for step in fault_runs.steps(run):
    state = run / "checkpoints" / str(step) / "state"
    fault_runs.flip_a_bit(fault_runs.largest_file(state))
  processes = fault_runs.start_two(run, cache)
  outputs = fault_runs.outputs_of(processes, code=2)
  assert "is intact (tried [27, 24, 21, 18, 15])" in outputs[0]
  assert "remove the run's folder to start again" in outputs[0]
  assert "Traceback" not in "".join(outputs)
