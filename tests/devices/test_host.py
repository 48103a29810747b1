"""Freed memory stays with a process that asked for it."""

import os
import subprocess
import sys

from suncet_jax.devices.host import importlib, keep_freed_memory

# A thread allocates and frees megabytes, and prints how many are still there.
_SCRIPT = """
import ctypes, os, sys, threading
from suncet_jax.devices.host import keep_freed_memory
size, mode = int(sys.argv[1]) * 2**20, sys.argv[2]
if mode != "as it is":
  assert keep_freed_memory(large_blocks=mode == "keep")
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def resident():
  with open("/proc/self/statm") as file:
    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
def use():
  block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(size)))
  ctypes.memset(block, 1, size)
  libc.free(block)
  print(resident() - before)
before = resident()
thread = threading.Thread(target=use)
thread.start()
thread.join()
"""


def _left(megabytes, mode):
  done = subprocess.run(
    [sys.executable, "-c", _SCRIPT, str(megabytes), mode],
    capture_output=True,
    text=True,
    check=True,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
  )
  return float(done.stdout)


def test_freed_memory_is_kept_only_on_request():
  assert _left(200, "as it is") < 20
  assert _left(200, "keep") > 180


def test_small_blocks_are_kept_by_threads_with_heaps_of_their_own():
  assert _left(40, "as it is") < 10
  assert _left(40, "keep small blocks") > 35


def test_nothing_changes_where_an_accelerator_computes(monkeypatch):
  monkeypatch.setenv("JAX_PLATFORMS", "cuda,cpu")
  assert not keep_freed_memory()
  monkeypatch.delenv("JAX_PLATFORMS")
  monkeypatch.setattr(
    importlib.util, "find_spec", lambda name: name == "libtpu"
  )
  assert not keep_freed_memory()
