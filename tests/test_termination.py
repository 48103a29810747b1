"""A signal ends a program wherever it comes."""

import subprocess
import sys

import pytest

# Python drops what a callback of the garbage collector raises.
_PROGRAM = """
import gc, os, signal, time
from suncet_jax import command_line

def interrupted(phase, info):
  gc.callbacks.clear()
  os.kill(os.getpid(), signal.{name})
  time.sleep(0.01)

def go_on():
  {go_on}

# A shell's background job begins with SIGINT ignored, and so do these tests.
signal.signal(signal.SIGINT, signal.default_int_handler)
with command_line.clear_errors("good bye."):
  gc.callbacks.append(interrupted)
  gc.collect()
  print("went on", flush=True)
  go_on()
"""


@pytest.mark.parametrize(
  ("name", "code", "go_on"),
  [
    ("SIGTERM", 0, "time.sleep(60)"),
    ("SIGINT", 130, "time.sleep(60)"),
    # As when another process of the job, which got the signal too, has ended.
    ("SIGTERM", 0, "raise RuntimeError('connection closed by peer')"),
  ],
)
def test_a_signal_whose_exception_is_dropped_ends_it(name, code, go_on):
  program = _PROGRAM.format(name=name, go_on=go_on)
  result = subprocess.run(
    [sys.executable, "-c", program],
    capture_output=True,
    text=True,
    timeout=30,
    check=False,
  )
  assert result.stdout == "went on\n"
  assert result.stderr == f"{name} received: good bye.\n"
  assert result.returncode == code
