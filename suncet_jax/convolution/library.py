"""Finds, loads and registers the native convolutions."""

import ctypes
import functools
import importlib.metadata
import importlib.util
import platform
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp

# The handlers of native/convolution.cc, which are JAX primitives as well.
FORWARD = "suncet_convolution"
IMAGE_GRADIENT = "suncet_convolution_image_gradient"
KERNEL_GRADIENT = "suncet_convolution_kernel_gradient"

# Dtypes that it convolves. One without instructions is rounded to and computed
# in float32: oneDNN would emulate it, which takes several times as long.
DTYPES = (jnp.dtype("float32"), jnp.dtype("bfloat16"))

# Bit of `dnnl_cpu_isa_t`: AVX-512 with products of bfloat16, or better.
_BFLOAT16_ISA = 0x80

_PACKAGE = "onednn-cpu-gomp"


class Status(NamedTuple):
  """Availability of oneDNN on this machine's CPU.

  Attributes:
    version: Version of oneDNN; empty if it is not available.
    dtypes: Dtypes among `DTYPES` that this processor has instructions for.
    reason: Reason why it is not available, and what to do; empty if it is.
  """

  version: str = ""
  dtypes: tuple[jnp.dtype, ...] = ()
  reason: str = ""


class _UnavailableError(Exception):
  """The native convolutions are not available; the message says why."""


@functools.cache
def status() -> Status:
  """Loads and registers the native part, once; returns its availability."""
  try:
    return _load()
  except _UnavailableError as error:
    return Status(reason=str(error))


def _load() -> Status:
  _check_platform()
  path = _native_part()
  try:
    # oneDNN first: the native part then finds it by its name.
    onednn = ctypes.CDLL(str(_onednn()))
    library = ctypes.CDLL(str(path))
    for name in (FORWARD, IMAGE_GRADIENT, KERNEL_GRADIENT):
      handler = jax.ffi.pycapsule(getattr(library, name))
      jax.ffi.register_ffi_target(name, handler, platform="cpu")
    return _describe(library, onednn)
  # JAX raises RuntimeError if the library was built for another jaxlib.
  except (OSError, AttributeError, RuntimeError) as error:
    raise _UnavailableError(
      f"the native part does not load: {error}. Run pip install -U jax, then"
      " install suncet_jax again: it is built for the newest jaxlib."
    ) from error


def _describe(library: ctypes.CDLL, onednn: ctypes.CDLL) -> Status:
  library.suncet_onednn_version.restype = ctypes.c_char_p
  has_bfloat16 = onednn.dnnl_get_effective_cpu_isa() & _BFLOAT16_ISA
  return Status(
    library.suncet_onednn_version().decode(),
    DTYPES if has_bfloat16 else DTYPES[:1],
  )


def _check_platform() -> None:
  system, machine = platform.system(), platform.machine()
  if (system, machine) != ("Linux", "x86_64"):
    raise _UnavailableError(
      f"oneDNN is packaged for Linux x86_64 only; this is {system} {machine}."
    )


def _native_part() -> Path:
  spec = importlib.util.find_spec("suncet_jax._onednn")
  if spec is None or spec.origin is None:
    raise _UnavailableError(
      "the native part was not built, as when there is no C++ compiler."
      " Install one (on Debian: apt-get install g++), then suncet_jax again;"
      " pip install -v says what is wrong."
    )
  return Path(spec.origin)


def _onednn() -> Path:
  try:
    files = importlib.metadata.files(_PACKAGE) or []
  except importlib.metadata.PackageNotFoundError:
    files = []
  for file in files:
    if file.name == "libdnnl.so.3":
      return Path(str(file.locate()))
  raise _UnavailableError(
    f"the package {_PACKAGE} is not installed. Run: pip install {_PACKAGE}"
  )
