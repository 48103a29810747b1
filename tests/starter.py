"""The tests' side of start_server.py: programs that start without imports."""

import atexit
import functools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time


@functools.cache
def starter():
  """Returns the one Starter of this process."""
  made = Starter()
  atexit.register(made.close)
  return made


class Starter:
  """Starts programs."""

  def __init__(self):
    self._pipes = pathlib.Path(tempfile.mkdtemp())
    self._count = 0
    self._lock = threading.Lock()
    self._server = subprocess.Popen(
      [sys.executable, pathlib.Path(__file__).with_name("start_server.py")],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
      env=os.environ
      | {
        "JAX_PLATFORMS": "cpu",
        "PYTHONUNBUFFERED": "1",
        "TF_ENABLE_ONEDNN_OPTS": "0",  # spares a notice
      },
    )

  def close(self):
    """Ends the server."""
    self._server.stdin.close()
    self._server.wait()
    shutil.rmtree(self._pipes)

  def start(self, *arguments, **request):
    """Starts `python *arguments`; see `_run` of start_server.py."""
    with self._lock:
      self._count += 1
      output = self._pipes / f"output-{self._count}"
    os.mkfifo(output)
    pid = self.ask({"arguments": arguments, "output": str(output), **request})
    return Program(self, pid, output.open())

  def ask(self, request):
    """Sends a request to the server; returns its answer."""
    with self._lock:
      self._server.stdin.write(json.dumps(request) + "\n")
      self._server.stdin.flush()
      return json.loads(self._server.stdout.readline())


class Program:
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
