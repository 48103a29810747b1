"""The running command, by the words with which the user started it."""

import shlex
import sys
from collections.abc import Sequence

_started: list[tuple[str, tuple[str, ...]]] = []


def start_as(name: str, words: Sequence[str]) -> None:
  """Sets the command, where it is not a module of its own.

  Args:
    name: Program with its subcommand, such as "suncet-jax train".
    words: Words that the user typed behind it.
  """
  _started[:] = [(name, tuple(words))]


def name(otherwise: str = "") -> str:
  """Returns the program, such as "suncet-jax train".

  Args:
    otherwise: Program that it is if nothing was set; empty: what Python runs.
  """
  return _started[0][0] if _started else otherwise or of_python()


def as_typed() -> str:
  """Returns the command that started this program, quoted for a shell."""
  words = _started[0][1] if _started else sys.argv[1:]
  return " ".join([name(), *map(shlex.quote, words)])


def of_python() -> str:
  """Returns the module or the script that Python runs, with `python`."""
  module = sys.modules["__main__"].__spec__
  if module is None:
    return f"python {sys.argv[0]}"
  return f"python -m {module.name.removesuffix('.__main__')}"
