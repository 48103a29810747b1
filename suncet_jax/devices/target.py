"""Platform that programs are made for: this process's, or one elsewhere."""

import contextlib
import contextvars
from collections.abc import Iterator

import jax

_platform: contextvars.ContextVar[str] = contextvars.ContextVar(
  "platform", default=""
)


def target_platform() -> str:
  """Returns the platform that programs are made for, such as "cpu".

  It is that of this process's devices, outside of `made_for`.
  """
  return _platform.get() or jax.default_backend()


@contextlib.contextmanager
def made_for(platform: str) -> Iterator[None]:
  """Makes programs for devices that are not here.

  Args:
    platform: Platform of the devices, "tpu" or "cuda".
  """
  token = _platform.set(platform)
  try:
    yield
  finally:
    _platform.reset(token)
