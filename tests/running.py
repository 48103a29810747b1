"""Starts the commands of the package as a user would, in a process."""

import importlib.util
import os
import pathlib
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

# The demo made small: three epochs, few evaluations.
SMALL = (
  f"--config={ROOT}/configs/digits.py:epochs=3",
  "--config.evals.final=('knn',)",
  "--config.evals.every_epochs=1.0",
  "--config.log.every_steps=2",
  "--config.checkpoint.every_epochs=0.3",
  "--config.log.tensorboard=False",
)


def start(module, *flags, cache=None, devices=1, cwd=None):
  """Starts `python -m module flags`; its output comes as one text stream."""
  return _start(["-m", module, *map(str, flags)], cache, devices, cwd)


def start_code(code, *arguments, cache=None, devices=1):
  """Starts Python code in a process of its own."""
  return _start(["-c", code, *map(str, arguments)], cache, devices, None)


def start_script(path, *arguments, cache=None, devices=1):
  """Starts a Python script."""
  return _start([str(path), *map(str, arguments)], cache, devices, None)


def run_code(code, *arguments, timeout=300, cache=None, devices=1):
  """Runs Python code in a process of its own; returns (exit code, output)."""
  process = start_code(code, *arguments, cache=cache, devices=devices)
  output, _ = process.communicate(timeout=timeout)
  return process.returncode, output


def _start(arguments, cache, devices, cwd):
  environment = os.environ | {
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": str(devices),
    "PYTHONUNBUFFERED": "1",
  }
  if cache is not None:  # compiled programs, shared by the runs of a test
    environment["JAX_COMPILATION_CACHE_DIR"] = str(cache)
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
  return subprocess.Popen(
    [sys.executable, *arguments],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    env=environment,
    cwd=cwd,
  )


def run(module, *flags, timeout=300, **settings):
  """Runs to the end; returns (exit code, output)."""
  process = start(module, *flags, **settings)
  output, _ = process.communicate(timeout=timeout)
  return process.returncode, output


def free_port():
  """Returns a port of this machine that nobody listens on."""
  with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    return listener.getsockname()[1]


def load_tool(name):
  """Returns the module tools/name.py, which is in no package."""
  path = ROOT / "tools" / f"{name}.py"
  spec = importlib.util.spec_from_file_location(name, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def wait_for(process, text, timeout=120):
  """Reads a process's output until a line holds `text`; returns all of it."""
  seen, deadline = [], time.monotonic() + timeout
  for line in process.stdout:
    seen.append(line)
    if text in line:
      return "".join(seen)
    if time.monotonic() > deadline:
      break
  process.kill()
  raise AssertionError(
    f"{text!r} did not come; the output was:\n{''.join(seen)}"
  )
