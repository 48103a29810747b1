"""What the tests of the launchers share: an uninterrupted run, and SLURM."""

import pytest
import slurm_node
import small_run


@pytest.fixture(scope="session")
def uninterrupted(once, cache):
  """Returns folder and output of a launched run that nothing stops."""

  def fill(folder):
    folder.mkdir()
    process = small_run.start_local(
      "--processes=2",
      "--devices=1",
      "--",
      *small_run.FLAGS,
      f"--workdir={folder}/run",
      cache=cache,
    )
    text, _ = process.communicate(timeout=400)
    assert process.returncode == 0, text
    (folder / "output").write_text(text)

  folder = once("launched", fill)
  return folder / "run", (folder / "output").read_text()


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
  """Returns a running SLURM of this machine."""
  missing = slurm_node.what_is_missing()
  if missing:
    pytest.skip(f"SLURM cannot be started without {missing}")
  with slurm_node.SlurmNode(tmp_path_factory.mktemp("slurm")) as node:
    yield node
