"""Packages that only a part of this one needs: an absent one is named."""

import contextlib
import platform
import sys
from collections.abc import Iterator

from suncet_jax.errors import UserError

_HAS_CPU_BUILD = (platform.system(), platform.machine()) == ("Linux", "x86_64")
# Packages of TFDS data sets, of TensorBoard files and of gs:// folders.
INSTALL = (
  "pip install 'tensorflow-datasets>=4.9.6' importlib_resources array-record "
  "'clu>=0.0.12' tensorboard tensorflow" + ("-cpu" if _HAS_CPU_BUILD else "")
)
_NEWEST_PYTHON = (3, 13)


@contextlib.contextmanager
def needed_for(what: str, *, extra: str = "") -> Iterator[None]:
  """Turns the absence of an imported package into advice.

  Args:
    what: Setting or file that needs the package.
    extra: Extra of this package that brings it; empty: it is one of TFDS.

  Raises:
    UserError: If an import inside fails.
  """
  try:
    yield
  except ImportError as error:
    if (error.name or "").startswith("suncet_jax"):
      raise
    raise UserError(f"{what} {absent(error, extra)}") from error


def absent(error: ImportError, extra: str = "") -> str:
  """Returns what is absent after a failed import, and how to get it.

  Args:
    error: Error of the import.
    extra: Extra of this package that brings it; empty: it is one of TFDS.
  """
  package = (error.name or "").partition(".")[0]
  named = f"the package {package}" if package else "TensorFlow's packages"
  install = f"pip install 'suncet_jax[{extra}]'" if extra else INSTALL
  advice = f"needs {named}, which cannot be imported here ({error}): {install}"
  if extra:
    return advice
  if sys.version_info[:2] > _NEWEST_PYTHON:
    newest = ".".join(map(str, _NEWEST_PYTHON))
    advice += f" (under Python {newest}, the newest that TensorFlow has)"
  return advice
