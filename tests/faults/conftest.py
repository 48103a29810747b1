"""What the tests of faults share; all of it is made once per worker."""

import fault_runs
import pytest
from starter import Starter


@pytest.fixture(scope="session")
def starter(tmp_path_factory, cache):
  """Returns what starts runs."""
  with Starter(tmp_path_factory.mktemp("starts"), cache) as made:
    yield made


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory, starter):
  """Returns the folder of a run that nothing has disturbed; not to change."""
  workdir = tmp_path_factory.mktemp("runs") / "uninterrupted"
  fault_runs.run(workdir, starter)
  return workdir
