"""Another number of devices or processes: the same run to 1e-5."""

import signal

import fault_runs
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import running


def _params(workdir, step):
  """Returns the parameters of a checkpoint."""
  options = ocp.CheckpointManagerOptions(read_only=True)
  with ocp.CheckpointManager(workdir / "checkpoints", options=options) as made:
    args = ocp.args.Composite(state=ocp.args.StandardRestore())
    return made.restore(step, args=args)["state"]["params"]


def _distance(first, second):
  """Returns the largest difference between two pytrees of arrays."""
  each = jax.tree.map(lambda a, b: np.abs(a - b).max(), first, second)
  return max(jax.tree.leaves(each))


def _killed_at(text, processes):
  """Waits for a line of the first process, then kills all; returns the line."""
  seen = running.wait_for(processes[0], text)
  for process in processes:
    process.kill()
  fault_runs.outputs_of(processes, code=-signal.SIGKILL)
  return seen


@pytest.mark.slow
def test_from_one_device_to_two_processes_to_four_devices(
  tmp_path, small_run, cache
):
  _killed_at("step 8/27", [fault_runs.start(tmp_path, cache)])
  two = fault_runs.start_two(tmp_path, cache)
  assert "Going on from step" in _killed_at("step 16/27", two)
  output = fault_runs.run(tmp_path, cache, devices=4)
  assert "Going on from step" in output

  ours, theirs = (
    _params(run, fault_runs.LAST_STEP) for run in (tmp_path, small_run)
  )
  assert _distance(ours, theirs) < 1e-5
  # Other images would lead elsewhere: training moves further than that.
  early = fault_runs.steps(small_run)[0]
  assert _distance(_params(small_run, early), theirs) > 1e-4
