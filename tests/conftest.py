"""Eight virtual CPU devices, golden values, and data sets of our own."""

import fcntl
import os
import pathlib
import tempfile

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import jax
import numpy as np
import pytest
import running

jax.config.update("jax_num_cpu_devices", 8)
if os.environ["JAX_PLATFORMS"] == "cpu":
  # Tests compile much and compute little; on a device that is checked, the
  # programs are to be those of a run.
  jax.config.update("jax_disable_most_optimizations", True)

_MOST_MEMORY = 2.5e9  # bytes
_GOLDEN = pathlib.Path(__file__).parent / "golden"


def pytest_configure(config):
  # Runs of tests leave nothing in the home of the user. Workers inherit it.
  if "PYTEST_XDIST_WORKER" not in os.environ:
    folder = tempfile.TemporaryDirectory(prefix="suncet_jax-cache-")
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_CACHE_HOME"] = folder.name


def pytest_addoption(parser):
  parser.addoption(
    "--method",
    action="append",
    default=[],
    help="Method that tests/methods/test_conformance.py checks; all.",
  )


@pytest.fixture(scope="module", autouse=True)
def _programs_are_forgotten():
  """Lets go of compiled programs, which grow to gigabytes in each worker."""
  yield
  statm = pathlib.Path("/proc/self/statm")  # Linux has it
  if statm.exists():
    resident = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if resident > _MOST_MEMORY:
      jax.clear_caches()


@pytest.fixture
def x64():
  """Runs a test with float64 enabled."""
  with jax.enable_x64(True):
    yield


@pytest.fixture(scope="session")
def golden():
  """Returns a loader of golden files: `golden("ntxent_B2_d4_tau0.1")`."""

  def load(name: str) -> dict[str, np.ndarray]:
    with np.load(_GOLDEN / f"{name}.npz") as file:
      return dict(file)

  return load


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory):
  """Returns a folder that all workers of this test session share."""
  folder = tmp_path_factory.getbasetemp()
  if "PYTEST_XDIST_WORKER" in os.environ:
    folder = folder.parent
  return folder


@pytest.fixture(scope="session")
def once(shared_folder):
  """Returns what has a folder filled by the first worker that wants it.

  `once(name, fill)` calls `fill(folder)` or waits until it is done, and returns
  the folder, which nobody may change then.
  """

  def filled(name, fill):
    folder = shared_folder / name
    done = shared_folder / f"{name}.done"
    with (shared_folder / f"{name}.lock").open("w") as lock:
      fcntl.flock(lock, fcntl.LOCK_EX)
      if not done.exists():
        fill(folder)
        done.touch()
    return folder

  return filled


@pytest.fixture(scope="session")
def cache(shared_folder):
  """Returns a folder for the compiled programs of processes that tests start.

  Compilation is most of the time of a short run.
  """
  return shared_folder / "compiled"


@pytest.fixture(scope="session")
def small_run(once, cache):
  """Returns the folder of a finished run of `running.SMALL`; not to change.

  It has five checkpoints, TensorBoard events and a report.
  """

  def fill(folder):
    folder.mkdir()
    code, output = running.run(
      "suncet_jax.main",
      *running.SMALL,
      "--workdir=runs/small",  # relative, as in the README
      "--config.checkpoint.keep=5",
      "--config.log.tensorboard=True",
      cache=cache,
      cwd=folder,
    )
    assert code == 0, output

  return once("undisturbed", fill) / "runs" / "small"


@pytest.fixture(scope="session")
def colour_blocks(tmp_path_factory):
  """Prepares the TFDS data set colour_blocks; returns its data_dir."""
  import colour_blocks  # brings TensorFlow: only for tests that want it

  folder = tmp_path_factory.mktemp("tfds")
  colour_blocks.prepare(folder)
  return str(folder)
