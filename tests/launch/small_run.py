"""One epoch of the digits demo as two processes, through the launchers."""

import json
import os
import pathlib
import subprocess
import sys
import time

import running

STEPS = 38
FLAGS = (
  f"--config={running.ROOT}/configs/digits.py:epochs=1",
  "--config.data.batch_size=32",
  "--config.data.labelled.images_per_class=1",
  "--config.evals.final=('knn',)",
  "--config.evals.every_epochs=0",
  "--config.log.every_steps=1",
  "--config.log.tensorboard=False",
  "--config.log.report=False",
  "--config.checkpoint.every_epochs=0.1",
)


def environment(cache):
  """Returns variables of a run on virtual devices; `cache` is for programs."""
  return {
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": "1",
    "JAX_COMPILATION_CACHE_DIR": str(cache),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "PYTHONUNBUFFERED": "1",
    "PYTHON": sys.executable,
  }


_LAUNCH = running.ROOT / "launch"
_IN_A_HURRY = f"""
import sys
sys.path.insert(0, {str(_LAUNCH)!r})
import local
local._SECONDS_TO_END = 1
sys.exit(local.main())
"""


def start_local(*arguments, cache="", cwd=None, in_a_hurry=False):
  """Starts launch/local.py; its output comes as one text stream.

  Args:
    *arguments: Its command line.
    cache: Folder of compiled programs.
    cwd: The working directory, if not this one.
    in_a_hurry: Whether it kills the others a second after one has failed.
  """
  program = ["-c", _IN_A_HURRY] if in_a_hurry else [_LAUNCH / "local.py"]
  return subprocess.Popen(
    [sys.executable, *program, *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env=os.environ | environment(cache),
    cwd=cwd,
  )


def digest(workdir):
  """Returns the digest of the parameters of a finished run."""
  result = json.loads((workdir / "result.json").read_text())
  assert result["step"] == STEPS
  return result["params_digest"]


# Instead of a training: saves for a second when it is asked to end.
SAVES = """
import signal, sys, time
def save(*_):
  time.sleep(1)
  print("saved", flush=True)
  sys.exit(0)
signal.signal(signal.SIGTERM, save)
print("ready", flush=True)
time.sleep(60)
"""


def make_stand_in(folder, code):
  """Makes `python -m suncet_jax.main` run `code` where `folder` is the cwd."""
  package = folder / "suncet_jax"
  package.mkdir()
  (package / "__init__.py").touch()
  (package / "main.py").write_text(code)


def process_of(*words, timeout=60):
  """Returns the id of the Python process whose arguments hold all `words`."""
  deadline = time.monotonic() + timeout
  while time.monotonic() < deadline:
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
      try:
        arguments = path.read_text().split("\0")
      except OSError:  # it has just ended
        continue
      if arguments[1:3] == ["-m", "suncet_jax.main"] and all(
        word in arguments for word in words
      ):
        return int(path.parent.name)
    time.sleep(0.1)
  raise AssertionError(f"no process with {words}")
