"""Starts runs by forking: imports, most of a short run's time, are done once.

What a fork does is `python -m suncet_jax.main` from there on: its own process
with its own signals, output and exit code. Requests come as lines of JSON, each
is answered by one: `{"flags", "devices", "output"}` starts a run that writes to
the named pipe `output` and gives its process id; `{"poll"}` asks for the exit
code of a process id, null while it runs.
"""

import json
import os
import sys

import jax
import sklearn.datasets  # noqa: F401
from absl import app

from suncet_jax import command_line, main
from suncet_jax.train import reporting, run  # noqa: F401


def _run(flags, devices, output):
  end = os.open(output, os.O_WRONLY)
  os.dup2(end, sys.stdout.fileno())
  os.dup2(end, sys.stderr.fileno())
  os.close(end)
  os.close(sys.stdin.fileno())
  jax.config.update("jax_num_cpu_devices", devices)
  sys.argv = ["suncet_jax.main", *flags]
  app.run(main.main, flags_parser=command_line.parse_flags)


def _poll(process):
  ended, status = os.waitpid(process, os.WNOHANG)
  return os.waitstatus_to_exitcode(status) if ended else None


def _serve():
  for line in sys.stdin:
    request = json.loads(line)
    if "poll" in request:
      answer = _poll(request["poll"])
    else:
      answer = os.fork()
      if not answer:
        return _run(**request)
    print(json.dumps(answer), flush=True)
  return None


if __name__ == "__main__":
  _serve()
