"""Freed memory stays with a process that asked for it."""

import os
import subprocess
import sys

from suncet_jax.devices.host import importlib, keep_freed_memory

# Allocates and frees 200 MB, and prints what of them is still there, in MB.
_SCRIPT = """
import ctypes, os, sys
from suncet_jax.devices.host import keep_freed_memory
if sys.argv[1] == "keep":
  assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def resident():
  with open("/proc/self/statm") as file:
    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
before, size = resident(), 200 * 2**20
block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))
ctypes.memset(block, 1, size)
libc.free(block)
print(resident() - before)
"""


def _left(mode):
  done = subprocess.run(
    [sys.executable, "-c", _SCRIPT, mode],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
  )
  return float(done.stdout)


def test_freed_memory_is_kept_only_on_request():
  assert _left("as it is") < 20
  assert _left("keep") > 180


def test_nothing_changes_where_an_accelerator_computes(monkeypatch):
  monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
  assert not keep_freed_memory()
  monkeypatch.delenv("JAX_PLATFORMS")
  monkeypatch.setattr(
    importlib.util, "find_spec", lambda name: name == "libtpu"
  )
  assert not keep_freed_memory()
