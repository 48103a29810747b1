"""This host: its CPUs, freed memory, and TensorFlow's use of accelerators."""

import contextlib
import ctypes
import gc
import importlib.util
import os
import platform
import threading
from collections.abc import Iterator

# Parameters of mallopt, <malloc.h> of the GNU C library.
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8


def keep_freed_memory(*, large_blocks: bool = True) -> bool:
  """Makes this process keep freed memory and use it again.

  To be called before JAX is used, since it affects threads that start later.
  The memory of the process then stays at its peak until it ends. Nothing
  happens with an accelerator, or if the C library is not GNU's.

  Args:
    large_blocks: Whether blocks above 64 MiB are kept too. All threads then
      share one heap, for which those that compile wait: it takes half as long
      again.

  Returns:
    Whether memory is kept from now on.
  """
  if platform.libc_ver()[0] != "glibc" or _has_accelerator():
    return False
  # XLA allocates the temporary memory of a step in one piece and frees it after
  # the step. By default the C library returns such pieces to the system, and
  # every step pays for fresh pages: a tenth to a third of its time.
  mallopt = ctypes.CDLL(None).mallopt
  # No blocks outside of the heaps, and no return of their ends to the system.
  settings = [(_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1)]
  if large_blocks:  # only the first heap can grow without limit
    settings.append((_M_ARENA_MAX, 1))
  return all(mallopt(parameter, value) for parameter, value in settings)


def collect_garbage_rarely() -> None:
  """Makes Python look for unused cycles after more new objects than usual.

  To be called before JAX is imported: imports and traces make hundreds of
  thousands of objects that stay, and each search visits them again.
  """
  gc.set_threshold(20_000, *gc.get_threshold()[1:])


def _has_accelerator() -> bool:
  """Returns whether JAX may find an accelerator, without starting JAX."""
  platforms = os.environ.get("JAX_PLATFORMS")
  if platforms:
    return platforms != "cpu"
  plugins = ("jax_plugins", "libtpu")
  return any(importlib.util.find_spec(name) for name in plugins)


def can_handle_signals() -> bool:
  """Returns whether this thread may set handlers of signals, as one alone may.

  A program that runs a training in another thread has to do without.
  """
  return threading.current_thread() is threading.main_thread()


def has_home() -> bool:
  """Returns whether this user has a home folder, by $HOME or by its entry."""
  # A container that is started with a number for its user may have neither;
  # "~" would then become a folder of that name.
  return os.path.expanduser("~") != "~"


@contextlib.contextmanager
def home_for_libraries() -> Iterator[None]:
  """Lets libraries ask for the home folder where there is none."""
  if has_home():
    yield
    return
  os.environ["HOME"] = os.devnull  # nothing can be read or written below it
  try:
    yield
  finally:
    del os.environ["HOME"]


def available_cpus() -> int:
  """Returns the number of CPUs this process may use, not of the machine."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def hide_accelerators() -> None:
  """Keeps TensorFlow from taking the memory of JAX's devices."""
  # Takes seconds to import: errors that are found earlier need not wait.
  import tensorflow as tf

  for kind in ("GPU", "TPU"):
    tf.config.set_visible_devices([], kind)
