"""What the tests of faults share."""

import fault_runs
import pytest
from starter import Starter


@pytest.fixture(scope="session")
def starter(tmp_path_factory, cache):
  """Returns what starts runs."""
  with Starter(tmp_path_factory.mktemp("starts"), cache) as made:
    yield made


@pytest.fixture(scope="session")
def uninterrupted(once, starter):
  """Returns the folder of a run that nothing has disturbed; not to change."""
  return once("undisturbed", lambda folder: fault_runs.run(folder, starter))
