"""Standard output and error as they come: closed, replaced, of few characters.

A stream may be None, an object that can do little but `write`, or one whose
encoding lacks most of Unicode; a program goes on with any of them.
"""

import atexit
import contextlib
import errno
import os
import sys
from typing import Any

from absl import logging

_STANDARD = range(3)  # descriptors of input, output and errors
_ESCAPES = "backslashreplace"
_LEAST_COLUMNS = 20  # tables need some


def prepare() -> None:
  """Makes the streams of a command fit for all that it may print.

  What an encoding lacks is written with backslashes. Lines of a closed stream
  go to the other one, and nowhere if both are closed.
  """
  _occupy_descriptors()
  if sys.stdout is None and sys.stderr is None:
    # Not closed on purpose: it is there until the process ends.
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
  sys.stdout = sys.stdout or sys.stderr
  sys.stderr = sys.stderr or sys.stdout
  for stream in (sys.stdout, sys.stderr):
    with contextlib.suppress(AttributeError, OSError, ValueError):
      stream.reconfigure(errors=_ESCAPES)  # type: ignore[union-attr]
  handler = logging.get_absl_handler().python_handler
  if handler.stream is None:  # absl was imported before
    handler.setStream(sys.stderr)
  for name in nonsense_sizes():
    del os.environ[name]
  atexit.register(flush)


def nonsense_sizes() -> list[str]:
  """Returns which of $COLUMNS and $LINES no terminal can have.

  Rich and argparse take them for the size of the terminal.
  """
  least = {"COLUMNS": _LEAST_COLUMNS, "LINES": 1}
  return [
    name
    for name, number in least.items()
    if (value := os.environ.get(name)) is not None
    and not (value.isdecimal() and int(value) >= number)
  ]


def write(stream: Any, text: str) -> bool:
  """Writes and flushes; returns whether there is a stream to write to.

  Args:
    stream: Object with a method `write`, or None.
    text: Whole lines.
  """
  try:
    _write(stream, text)
    if hasattr(stream, "flush"):
      stream.flush()
  except BrokenPipeError:
    _redirect(stream)  # for instance after `| head`
  except OSError as error:  # a full disk, a terminal that is gone
    return error.errno != errno.EBADF
  except (AttributeError, ValueError):  # None, or closed by Python
    return False
  return True


def notice(text: str, stream: Any) -> None:
  """Writes a line from the handler of a signal, where it can.

  Args:
    text: Line, without its line break.
    stream: Stream that the line is meant for.
  """
  # os.write, since print is not reentrant: it may be what was interrupted.
  line = f"{text}\n".encode("ascii", _ESCAPES)
  for place in (stream, sys.stdout, sys.stderr):
    with contextlib.suppress(AttributeError, OSError, ValueError):
      os.write(place.fileno(), line)
      return


def _write(stream: Any, text: str) -> None:
  try:
    stream.write(text)
  except UnicodeEncodeError:
    encoding = getattr(stream, "encoding", None) or "ascii"
    stream.write(text.encode(encoding, _ESCAPES).decode(encoding))


def _redirect(stream: Any) -> None:
  """Redirects a stream that nobody reads to nowhere."""
  # Later prints and the flush at exit must not fail either.
  with contextlib.suppress(AttributeError, OSError, ValueError):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _occupy_descriptors() -> None:
  """Opens the standard descriptors that are closed, to nowhere."""
  # Or the next file that is opened would get the number, and what a library
  # prints would be in it.
  for number in _STANDARD:
    try:
      os.fstat(number)
    except OSError:
      nowhere = os.open(os.devnull, os.O_RDWR)
      if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def flush() -> None:
  """Flushes, for the last time: Python itself would end with code 120."""
  for name in ("stdout", "stderr"):
    stream = getattr(sys, name)
    try:
      stream.flush()
    except OSError:  # a full disk
      _redirect(stream)
    except (AttributeError, ValueError):  # a class without, or closed
      setattr(sys, name, None)
