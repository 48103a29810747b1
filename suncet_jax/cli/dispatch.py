"""From the words of a command line to the module that does the work.

Nothing heavy is loaded before a subcommand is known to need it: help, the list
and a misspelt subcommand take the time that Python takes.
"""

import difflib
import functools
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType, ModuleType
from typing import NoReturn

import suncet_jax
from suncet_jax.cli import help as texts
from suncet_jax.cli.subcommands import SUBCOMMANDS, Subcommand
from suncet_jax.console import program, streams

_HELP = ("--help", "-h", "-help")
_USAGE_ERROR = 2
_SIGINT = 130


def main(words: Sequence[str] | None = None) -> int:
  """Runs the subcommand that a command line names.

  Args:
    words: Command line without the program; None: that of this process.

  Returns:
    The exit code.
  """
  words = sys.argv[1:] if words is None else list(words)
  streams.prepare()
  command = _command()
  if not words or words[0] in (*_HELP, "help"):
    _say(texts.of_command(command))
    return 0
  if words[0] == "--version":
    _say(f"suncet_jax {suncet_jax.__version__}")
    return 0
  name, *others = words
  if name not in SUBCOMMANDS:
    _fail(_unknown(command, name))
  options = others[: others.index("--")] if "--" in others else others
  if any(word in _HELP for word in options):
    _say(texts.of_subcommand(command, name))
    return 0
  program.start_as(f"{command} {name}", others)
  return _run(SUBCOMMANDS[name], name, others)


def _command() -> str:
  """Returns the command as the user started it."""
  is_module = sys.modules["__main__"].__spec__ is not None
  return "python -m suncet_jax" if is_module else "suncet-jax"


def _run(subcommand: Subcommand, name: str, words: list[str]) -> int:
  module = _loaded(subcommand.module)
  if subcommand.positionals is None:
    return module.main(words) or 0
  from absl import app

  from suncet_jax.cli import positionals

  if name == "check":
    words = positionals.as_overrides(words, subcommand.positionals)
  # Where the flag of the configuration looks for its fields.
  sys.argv = [sys.argv[0], *words]
  parse = functools.partial(positionals.parse, name, subcommand)
  app.run(module.main, flags_parser=parse)
  return 0  # not reached: absl ends the program with the code of `main`


def _loaded(name: str) -> ModuleType:
  """Imports a module; Ctrl-C meanwhile ends the program, whatever loads."""
  # As an exception it would come out of C++ as another, an ImportError.
  if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or (
    threading.current_thread() is not threading.main_thread()
  ):
    return importlib.import_module(name)
  signal.signal(signal.SIGINT, _interrupted)
  try:
    return importlib.import_module(name)
  finally:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupted(number: int, frame: FrameType | None) -> NoReturn:
  streams.notice("SIGINT received: stopped.", sys.stderr)
  os._exit(_SIGINT)


def _unknown(command: str, name: str) -> str:
  """Returns what is wrong with a subcommand, and what may be meant."""
  if name.startswith("-"):
    return (
      f"the subcommand comes first, such as {texts.example(command, 'train')}; "
      f"it is one of {', '.join(SUBCOMMANDS)}."
    )
  near = difflib.get_close_matches(name, SUBCOMMANDS, n=2, cutoff=0.5)
  near += [n for n in SUBCOMMANDS if n.startswith(name) and n not in near]
  meant = f" Did you mean {' or '.join(near)}?" if near else ""
  return (
    f"there is no subcommand {name!r}.{meant} There are "
    f"{', '.join(SUBCOMMANDS)}."
  )


def _say(text: str) -> None:
  # Not by `console.terminal`, which loads Rich.
  streams.write(sys.stdout, f"{text}\n")


def _fail(message: str) -> NoReturn:
  streams.write(sys.stderr, f"Error: {message}\n")
  raise SystemExit(_USAGE_ERROR)
