"""Starts programs by forking: imports, most of a short run's time, are done.

What a fork does from there on is what `python -m`, `python -c` or `python FILE`
would: its own process, with its own signals, output and exit code. Requests
come as lines of JSON, each is answered by one: the fields of `_run` start a
program, which gives its process id; `{"poll"}` asks for the exit code of a
process id, null while it runs.
"""

import contextlib
import gc
import json
import os
import pathlib
import runpy
import sys
import types

import jax
import sklearn.datasets  # noqa: F401

with contextlib.suppress(ImportError):  # programs do without, where it is not
  from clu import metric_writers  # noqa: F401


def _run(arguments, environment, cwd, output, settings):
  """Becomes the program.

  Args:
    arguments: Of `python`.
    environment: All variables.
    cwd: The working directory.
    output: The named pipe that it writes to.
    settings: Of JAX, which has read its variables already.
  """
  _redirect(output)
  os.environ.clear()
  os.environ.update(environment)
  os.chdir(cwd)
  for name, value in settings.items():
    jax.config.update(name, value)
  kind, *rest = arguments
  if kind == "-m":
    sys.path[0], sys.argv = cwd, rest
    runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
  elif kind == "-c":
    sys.path[0], sys.argv = "", ["-c", *rest[1:]]
    _execute(rest[0])
  else:
    sys.path[0], sys.argv = str(pathlib.Path(kind).parent), arguments
    runpy.run_path(kind, run_name="__main__")


def _redirect(output):
  end = os.open(output, os.O_WRONLY)
  nothing = os.open(os.devnull, os.O_RDONLY)
  for ours, theirs in ((nothing, 0), (end, 1), (end, 2)):
    os.dup2(ours, theirs)
  os.close(end)
  os.close(nothing)


def _execute(code):
  module = sys.modules["__main__"] = types.ModuleType("__main__")
  exec(compile(code, "<string>", "exec"), module.__dict__)


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
        return request
    print(json.dumps(answer), flush=True)
  return None


if __name__ == "__main__":
  # Or each fork would go through all that was imported, and free it, at its
  # end: two seconds.
  gc.collect()
  gc.freeze()
  started = _serve()
  if started:
    _run(**started)
