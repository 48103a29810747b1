"""Starts the commands of the package as a user would, in a process.

But for the imports, seconds of each, which are done once; see start_server.py.
What is started by a launcher (tests/launch) does its own.
"""

import importlib.util
import os
import pathlib
import socket
import threading
import time

from starter import starter

ROOT = pathlib.Path(__file__).resolve().parents[1]

# The demo made small: three epochs of nine steps, few evaluations. All that
# train it with these share compiled programs; see `small_run` in conftest.py.
SMALL = (
  f"--config={ROOT}/configs/digits.py:epochs=3",
  # Four devices can share 40 labelled rows.
  "--config.data.labelled.images_per_class=4",
  # At the recipe's 0.3 a difference in the last bit, as another number of
  # devices makes it, grows to 0.05 in 27 steps.
  "--config.optim.peak_lr=1e-4",
  "--config.evals.final=('knn',)",
  "--config.evals.every_epochs=1.0",
  "--config.log.every_steps=2",
  "--config.checkpoint.every_epochs=0.3",
  "--config.log.tensorboard=False",
)


def start(module, *flags, **settings):
  """Starts `python -m module flags`; its output comes as one text stream.

  Keyword arguments here and below: see `_start`.
  """
  return _start("-m", module, *flags, **settings)


def start_code(code, *arguments, **settings):
  """Starts Python code in a process of its own."""
  return _start("-c", code, *arguments, **settings)


def start_script(path, *arguments, **settings):
  """Starts a Python script."""
  return _start(path, *arguments, **settings)


def run_code(code, *arguments, timeout=300, **settings):
  """Runs Python code in a process of its own; returns (exit code, output)."""
  process = start_code(code, *arguments, **settings)
  output, _ = process.communicate(timeout=timeout)
  return process.returncode, output


def _start(*arguments, cache=None, devices=1, cwd=None, optimized=False):
  """Starts Python.

  Args:
    *arguments: Of Python.
    cache: Folder of compiled programs that several runs share, if any.
    devices: Virtual CPU devices.
    cwd: The working directory, if not this one.
    optimized: Whether XLA optimises. Tests compile much and compute little,
      but without oneDNN, on several devices, convolutions get slow otherwise.

  Returns:
    A `starter.Program`.
  """
  settings = {
    "jax_num_cpu_devices": devices,
    "jax_disable_most_optimizations": not optimized,
  }
  if cache is not None:
    settings["jax_compilation_cache_dir"] = str(cache)
    settings["jax_persistent_cache_min_compile_time_secs"] = 0.0
  return starter().start(
    *map(str, arguments),
    environment=dict(os.environ),
    cwd=str(cwd or pathlib.Path.cwd()),
    settings=settings,
  )


def run(module, *flags, timeout=300, **settings):
  """Runs to the end; returns (exit code, output)."""
  process = start(module, *flags, **settings)
  output, _ = process.communicate(timeout=timeout)
  return process.returncode, output


def lines_of_hosts(code, folder, processes):
  """Runs code in processes that share four devices; returns what all printed.

  Its arguments: the folder, a free port, the number of processes, its own.
  """
  port, ended = free_port(), [None] * processes

  def run(number):
    ended[number] = run_code(
      code, folder, port, processes, number, devices=4 // processes
    )

  threads = [threading.Thread(target=run, args=(n,)) for n in range(processes)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  for exit_code, output in ended:
    assert exit_code == 0, output
  return [line for _, output in ended for line in output.splitlines()]


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
