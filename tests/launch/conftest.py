"""What the tests of the launchers share: an uninterrupted run, and SLURM."""

import fcntl

import pytest
import slurm_node
import small_run


@pytest.fixture(scope="session")
def uninterrupted(shared_folder, cache):
  """Returns folder and output of a run by launch/local.py that nothing stops.

  The first worker that wants it makes it.
  """
  workdir = shared_folder / "uninterrupted"
  output = shared_folder / "uninterrupted.txt"
  with (shared_folder / "uninterrupted.lock").open("w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if not output.exists():
      process = small_run.start_local(
        "--processes=2",
        "--devices=1",
        "--",
        *small_run.FLAGS,
        f"--workdir={workdir}",
        cache=cache,
      )
      text, _ = process.communicate(timeout=400)
      assert process.returncode == 0, text
      output.write_text(text)
  return workdir, output.read_text()


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
  """Returns a running SLURM of this machine."""
  missing = slurm_node.what_is_missing()
  if missing:
    pytest.skip(f"SLURM cannot be started without {missing}")
  with slurm_node.SlurmNode(tmp_path_factory.mktemp("slurm")) as node:
    yield node
