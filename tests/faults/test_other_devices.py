"""Another number of devices or processes: the same run to 1e-5."""

import signal

import fault_runs
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
import running

_FLAGS = (
  # Four devices share a batch of 40 labelled rows.
  "--config.data.labelled.images_per_class=4",
  # At the recipe's 0.3 a difference in the last bit grows to 0.05 in 27 steps.
  "--config.optim.peak_lr=1e-4",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, starter):
  """Returns the folder of the same run, on one device all the time."""
  workdir = tmp_path_factory.mktemp("one_device")
  fault_runs.run(workdir, starter, *_FLAGS)
  return workdir


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


def _assert_same(workdir, whole):
  ours, theirs = (
    _params(run, fault_runs.LAST_STEP) for run in (workdir, whole)
  )
  assert _distance(ours, theirs) < 1e-5
  # Other images would lead elsewhere: training moves further than that.
  early = fault_runs.steps(whole)[0]
  assert _distance(_params(whole, early), theirs) > 1e-4


def _killed_at(text, processes):
  """Waits for a line of the first process, then kills all of them."""
  running.wait_for(processes[0], text)
  for process in processes:
    process.kill()
  fault_runs.outputs_of(processes, code=-signal.SIGKILL)


def test_from_one_device_to_four(tmp_path, whole, starter):
  _killed_at("step 10/27", [fault_runs.start(tmp_path, starter, *_FLAGS)])
  output = fault_runs.run(tmp_path, starter, *_FLAGS, devices=4)
  assert "Going on from step" in output
  _assert_same(tmp_path, whole)


def test_from_two_processes_to_one_with_two_devices(tmp_path, whole, starter):
  _killed_at("step 10/27", fault_runs.start_two(tmp_path, starter, *_FLAGS))
  output = fault_runs.run(tmp_path, starter, *_FLAGS, devices=2)
  assert "Going on from step" in output
  _assert_same(tmp_path, whole)
