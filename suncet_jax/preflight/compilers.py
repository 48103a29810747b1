"""XLA's compilers for devices that are not here, loaded into this process."""

import contextlib
import functools
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from suncet_jax.devices.mesh import DATA_AXIS
from suncet_jax.errors import UserError
from suncet_jax.preflight.targets import CUDA, TPU, Target

_PACKAGES = {TPU: ("libtpu",), CUDA: ("jax_plugins.xla_cuda12", "nvidia")}
_INSTALL = "pip install 'suncet_jax[preflight-{}]'"
# libtpu asks Google Cloud what machine this is, and warns where there is none.
_ENVIRONMENT = {
  "TPU_SKIP_MDS_QUERY": "1",
  "TPU_ACCELERATOR_TYPE": "v5litepod-4",
  "TPU_WORKER_HOSTNAMES": "localhost",
  # Nothing is run: the chips, which one process alone may use, are not touched.
  "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
  # JAX's plugin asks for CUDA's libraries, which only a run needs.
  "JAX_SKIP_CUDA_CONSTRAINTS_CHECK": "1",
  "TF_CPP_MIN_LOG_LEVEL": "3",
}
_LOCK = "suncet_jax-preflight.lock"


def check(target: Target) -> None:
  """Checks that the compiler of some devices is installed.

  Args:
    target: Devices to compile for.

  Raises:
    ValueError: If it is not; the message says what to install.
  """
  platform = target.chip.platform
  if not all(map(_is_there, _PACKAGES[platform])):
    raise UserError(
      f"--on={target.name} needs XLA's compiler for {platform.upper()}, which "
      f"is not installed here: {_INSTALL.format(platform)}"
    )


def _is_there(package: str) -> bool:
  try:
    return importlib.util.find_spec(package) is not None
  except ModuleNotFoundError:  # of the package around it
    return False


@functools.cache  # arrays of one mesh do not go with those of an equal one
def mesh(target: Target) -> Mesh:
  """Returns a mesh of devices that are not here: one axis, "data".

  Args:
    target: Devices of the mesh.

  Raises:
    ValueError: If the compiler is not installed, or has no such devices.
  """
  check(target)
  for name, value in _ENVIRONMENT.items():
    os.environ.setdefault(name, value)
  if target.chip.platform == CUDA:
    _find_tools()
  try:
    with _quietly():
      jax.devices("cpu")  # here all compilers are loaded
      found = topologies.get_topology_desc(**_topology(target))
  except (jax.errors.JaxRuntimeError, RuntimeError) as error:
    raise UserError(
      f"--on={target.name}: XLA has no such devices: {error}"
    ) from error
  devices = found.devices
  return jax.make_mesh(
    (len(devices),), (DATA_AXIS,), (AxisType.Auto,), devices=devices
  )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
  """Hides what compilers print of devices and drivers that are not here.

  Errors are raised; these lines come from C++ and have no other switch.
  """
  try:
    number = sys.__stderr__.fileno()  # type: ignore[union-attr]
  except (AttributeError, OSError, ValueError):  # closed
    yield
    return
  kept = os.dup(number)
  with open(os.devnull, "w") as nowhere:
    os.dup2(nowhere.fileno(), number)
  try:
    yield
  finally:
    os.dup2(kept, number)
    os.close(kept)


def _topology(target: Target) -> dict[str, Any]:
  asked = {"platform": target.chip.platform, **target.options()}
  if target.chip.platform == TPU:
    return {"topology_name": target.topology, **asked}
  return {"topology_name": "", "topology": target.topology, **asked}


def _find_tools() -> None:
  """Puts the assembler of NVIDIA's wheel on the path."""
  folder = importlib.util.find_spec("nvidia.cuda_nvcc")
  places = list(folder.submodule_search_locations or ()) if folder else []
  for place in places:
    tools = str(Path(place) / "bin")
    if tools not in os.environ.get("PATH", "").split(os.pathsep):
      os.environ["PATH"] = tools + os.pathsep + os.environ.get("PATH", "")


def without_devices() -> None:
  """Makes JAX use the CPU of this process; before it is first used."""
  jax.config.update("jax_platforms", "cpu")


def versions() -> dict[str, str]:
  """Returns the versions of JAX and of the compilers that are installed."""
  found = {}
  for name in ("jax", "jaxlib", "libtpu", "jax-cuda12-plugin"):
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      found[name] = importlib.metadata.version(name)
  return found


@contextlib.contextmanager
def alone(say: Callable[[str], None]) -> Iterator[None]:
  """Waits until no other preflight of this machine compiles.

  Args:
    say: Function that tells the user that there is another.
  """
  # A compilation takes gigabytes and all cores.
  try:
    import fcntl
  except ImportError:  # Windows, for which there is no libtpu
    yield
    return
  path = Path(tempfile.gettempdir()) / _LOCK
  with path.open("a", encoding="ascii") as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      say(f"another preflight is compiling: waiting for it ({path})")
      fcntl.flock(file, fcntl.LOCK_EX)
    yield
