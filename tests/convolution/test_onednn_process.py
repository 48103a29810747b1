"""What only a process of its own shows: CPUs, memory, the same bits again."""

import subprocess
import sys

import pytest
import running

from suncet_jax.convolution import status

pytestmark = pytest.mark.skipif(
  bool(status().reason), reason=f"no oneDNN: {status().reason}"
)

_DIGEST = """
import hashlib, os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[1])])
import windows
digest = hashlib.sha256()
for shape, kernel, strides, dtype in (
    ((67, 14, 14, 16), (3, 3, 16, 32), (1, 1), "float32"),
    ((5, 4, 4, 128), (3, 3, 128, 512), (1, 1), "bfloat16"),
    ((9, 17, 15, 3), (7, 7, 3, 64), (2, 2), "float32"),
):
  images, weights = windows.arrays(shape, kernel, dtype)
  for _ in range(3):
    found = windows.with_gradients(images, weights, strides, "SAME", "auto")
  for array in found:
    digest.update(array.tobytes())
print(digest.hexdigest())
"""

_LEAK = """
import resource
import jax
import windows

def peak():
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # MB

images, kernel = windows.arrays((16, 16, 16, 16), (3, 3, 16, 64))
def repeat(count):
  for _ in range(count):
    found = windows.with_gradients(images, kernel, (1, 1), "SAME", "auto")
  jax.block_until_ready(found)

repeat(500)
before = peak()
repeat(3400)  # three native calls each
print(peak() - before)
"""


def _run(script, *arguments):
  done = subprocess.run(
    [sys.executable, "-c", script, *arguments],
    capture_output=True,
    text=True,
    timeout=300,
    cwd=running.ROOT / "tests" / "convolution",
  )
  assert done.returncode == 0, done.stderr
  return done.stdout.strip()


def test_bits_do_not_depend_on_the_run_or_the_number_of_cpus():
  assert _run(_DIGEST, "1") == _run(_DIGEST, "2") == _run(_DIGEST, "2")


@pytest.mark.slow
def test_ten_thousand_calls_leave_no_memory_behind():
  # One leaked output a call would be 2,600 MB, one leaked kernel 370.
  assert float(_run(_LEAK)) < 30
