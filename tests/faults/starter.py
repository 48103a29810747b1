"""The tests' side of start_server.py: runs that start without imports."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time


class Starter:
  """Starts runs; a context manager."""

  def __init__(self, folder, cache):
    self._pipes = folder
    self._count = 0
    self._server = subprocess.Popen(
      [sys.executable, pathlib.Path(__file__).with_name("start_server.py")],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      env=os.environ
      | {
        "JAX_PLATFORMS": "cpu",
        "PYTHONUNBUFFERED": "1",
        "JAX_COMPILATION_CACHE_DIR": str(cache),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
      },
    )

  def __enter__(self):
    return self

  def __exit__(self, *exception):
    self._server.stdin.close()
    self._server.wait()

  def start(self, *flags, devices=1):
    """Starts `suncet_jax.main` with flags."""
    self._count += 1
    output = self._pipes / f"output-{self._count}"
    os.mkfifo(output)
    request = {
      "flags": [str(flag) for flag in flags],
      "devices": devices,
      "output": str(output),
    }
    return Run(self, self.ask(request), output.open())

  def ask(self, request):
    """Sends a request to the server; returns its answer."""
    self._server.stdin.write(json.dumps(request) + "\n")
    self._server.stdin.flush()
    return json.loads(self._server.stdout.readline())


class Run:
  """A process, with what the tests use of `subprocess.Popen`.

  Attributes:
    stdout: What it prints, errors included.
    returncode: None until `communicate`; then negative after a signal.
  """

  def __init__(self, starter, pid, stdout):
    self._starter, self._pid = starter, pid
    self.stdout, self.returncode = stdout, None

  def send_signal(self, number):
    """Sends a signal."""
    os.kill(self._pid, number)

  def kill(self):
    """Ends the process at once."""
    self.send_signal(signal.SIGKILL)

  def communicate(self, timeout=240):
    """Waits for the end; returns (rest of the output, None)."""
    guard = threading.Timer(timeout, self.kill)
    guard.start()
    rest = self.stdout.read()
    self.stdout.close()
    while self.returncode is None:
      self.returncode = self._starter.ask({"poll": self._pid})
      time.sleep(0.02)
    guard.cancel()
    return rest, None
