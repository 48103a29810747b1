"""A run from weights: killed, gone on with without them, on two processes."""

import hashlib
import json
import signal

import fault_runs
import pytest
import running

from suncet_jax.convert import files
from suncet_jax.workdir.digest import tree_digest


@pytest.fixture(scope="module")
def weights(small_run, tmp_path_factory):
  """Returns a file of weights of the digits' network."""
  path = tmp_path_factory.mktemp("weights") / "digits.safetensors"
  files.write(files.read(small_run), path, "suncet_jax")
  return path


def _flags(path):
  return (
    f"--config.init.weights={path}",
    "--config.init.parts=('backbone','projection')",
    # Nor may these cost a bit where a run is gone on with.
    "--config.optim.name=adamw",
    "--config.optim.epsilon=1e-3",
    "--config.optim.layer_decay=0.8",
    "--config.optim.frozen_blocks=1",
  )


@pytest.fixture(scope="module")
def undisturbed(weights, cache, tmp_path_factory):
  """Returns the folder and the output of a run that starts from them."""
  workdir = tmp_path_factory.mktemp("runs") / "undisturbed"
  return workdir, fault_runs.run(workdir, cache, *_flags(weights))


def test_it_says_and_keeps_what_was_taken(undisturbed, weights):
  workdir, output = undisturbed
  assert f"Starting from {weights}" in output
  assert "drawn anew: nothing" in output
  about = fault_runs.result(workdir)["init"]
  assert about == json.loads((workdir / "init.json").read_text())
  assert about["taken"].keys() == {"backbone", "projection"}
  kept = json.loads((workdir / "config.json").read_text())
  assert kept["init"]["sha256"] == about["sha256"]
  before, after = (files.read(path).leaves for path in (weights, workdir))
  same = {path[1] for path in before if (before[path] == after[path]).all()}
  assert same == {"stem", "stage1_block1"}


def test_a_killed_run_goes_on_without_the_file(
  undisturbed, weights, cache, tmp_path
):
  copy = tmp_path / weights.name
  copy.write_bytes(weights.read_bytes())
  flags, workdir = _flags(copy), tmp_path / "run"
  process = fault_runs.start(workdir, cache, *flags)
  running.wait_for(process, "step 8/27")
  process.kill()
  fault_runs.output_of(process, code=-signal.SIGKILL)
  copy.unlink()
  other = fault_runs.run(
    workdir, cache, f"--config.init.weights={tmp_path}/other.npz", code=2
  )
  assert "init.weights: " in other
  output = fault_runs.run(workdir, cache, *flags)
  assert "Going on from step" in output
  fault_runs.assert_same_run(workdir, undisturbed[0])
  about = fault_runs.result(workdir)["init"]
  assert about["weights"] == str(copy)
  # What is finished tells it without the file, too.
  assert "is complete" in fault_runs.run(workdir, cache, *flags)


# Only process 0 has the file.
_BEGIN = """
import runpy, sys
from suncet_jax.devices.processes import connect, finish
from suncet_jax.train.experiment import build
from suncet_jax.workdir.digest import tree_digest
port, number, recipe, path = sys.argv[1:]
connect(f"127.0.0.1:{port}", 2, int(number))
config = runpy.run_path(recipe)["get_config"]()
config.data.labelled.images_per_class = 4
config.init.weights = path if number == "0" else "nowhere.npz"
config.init.parts = ("backbone", "projection")
made = build(config)
state = made.initial_state()
print("bits", tree_digest((state.params, state.batch_stats)))
print("file", made.config.init.sha256)
finish()
"""


@pytest.mark.slow
def test_two_processes_start_from_the_same_bits(weights):
  port = running.free_port()
  recipe = running.ROOT / "configs" / "digits.py"
  started = [
    running.start_code(_BEGIN, port, number, recipe, weights)
    for number in range(2)
  ]
  expected = tree_digest(files.read(weights).variables)
  sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
  for output in fault_runs.outputs_of(started):
    assert f"bits {expected}" in output
    assert f"file {sha256}" in output


@pytest.mark.slow
def test_what_process_0_cannot_read_ends_both(cache, tmp_path):
  flags = _flags(tmp_path / "absent.npz")
  for output in fault_runs.outputs_of(
    fault_runs.start_two(tmp_path / "run", cache, *flags), code=2
  ):
    assert "there is no file or folder" in output
