"""Shared parts of the commands: the config flag, clear errors, exit codes."""

import contextlib
import functools
import os
import sys
import traceback
from collections.abc import Iterator
from typing import NoReturn

from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from suncet_jax.config import base, overrides, validate
from suncet_jax.config.files import located
from suncet_jax.config.neighbours import neighbours
from suncet_jax.config.schema import all_fields
from suncet_jax.console import streams, terminal
from suncet_jax.console.log import use_plain_warnings
from suncet_jax.devices.sigterm import TerminatedError, sigterm_raises
from suncet_jax.errors import RunError, UserError
from suncet_jax.fields import flatten
from suncet_jax.files.paths import expanded
from suncet_jax.files.storage import in_bucket

USAGE_ERROR = 2

# An OSError names the file; FloatingPointError is raised by the evaluations.
_MESSAGES = (UserError, RunError, OSError, FloatingPointError)

_WORKDIR = flags.DEFINE_string(
  "workdir", None, "Folder of the run, or of the comparison."
)

_STOPPED = "stopped."
_HINT = "\nAnother process may have failed first: see the output of all."
TRAINING_STOPPED = (
  "stopped; what was trained up to the last checkpoint is saved. Run the same "
  "command again to go on."
)


@functools.cache  # several commands may be imported by one process
def define_config_flag() -> flags.FlagHolder:
  """Defines --config, with overrides such as --config.optim.peak_lr=0.3."""
  holder = config_flags.DEFINE_config_file(
    "config", None, "Path of a configuration, e.g. configs/digits.py."
  )
  flag = flags.FLAGS["config"]
  flag.parser = _ConfigParser(flag.parser)
  return holder


class _ConfigParser(flags.ArgumentParser):
  """Loads a configuration, which may be one that comes with the package."""

  def __init__(self, loader: flags.ArgumentParser) -> None:
    self._loader = loader

  def parse(self, argument: str) -> ConfigDict:
    """Loads `file.py` or `file.py:argument`; checks what is set in it."""
    config = self._loader.parse(located(argument))
    # The loader itself would end at the first field that does not exist.
    if isinstance(config, ConfigDict) and "method" in config:
      overrides.check(config, sys.argv[1:])
    return config

  def flag_type(self) -> str:
    """Returns the type that --help shows."""
    return self._loader.flag_type()


def parse_flags(argv: list[str]) -> list[str]:
  """Parses the command line; ends the program with one line if it is wrong."""
  streams.prepare()  # before --help and errors are printed
  try:
    return flags.FLAGS([_with_home(word) for word in argv])
  except SystemExit:  # by --help, with 1 as if it were an error
    raise SystemExit(0) from None
  except flags.UnrecognizedFlagError as error:
    fail(f"{error}.{_field_meant(error.flagname)}")
  except flags.Error as error:
    if own := _first_user_error(error):  # raised by the configuration's file
      fail(str(own))
    # For a configuration that does not load the message is a traceback, whose
    # last line gives the reason.
    reason = str(error).strip().splitlines()[-1].strip()
    fail(reason.removeprefix("ValueError: "))
  except AttributeError as error:  # a field that the configuration lacks
    fail(f"--config has no field {error}")
  except OSError as error:  # overrides of a file that is not there
    fail(str(error).strip().splitlines()[-1])


def _field_meant(flag: str) -> str:
  """Returns which field of the configuration an unknown flag may mean."""
  if "config" not in flags.FLAGS:
    return ""
  near = neighbours(flag, flatten(all_fields(base().method.name)))
  named = " or ".join(f"--config.{name}" for name in near)
  return f" A field is set by its whole name: {named}." if near else ""


def _with_home(word: str) -> str:
  """Expands ~ in --config=~/mine.py, which a shell leaves as it is."""
  name, equals, path = word.partition("=")
  if name not in ("--config", "-config") or not path.startswith("~"):
    return word
  try:
    return f"{name}{equals}{expanded(path)}"
  except UserError as error:
    fail(f"--config: {error}")


def _first_user_error(error: BaseException) -> UserError | None:
  """Returns the first of the errors that led to this one, if it is ours.

  Libraries wrap it in others of its type, with a traceback as their text.
  """
  found, cause = None, error.__context__
  while cause is not None:
    if isinstance(cause, UserError):
      found = cause
    cause = cause.__context__
  return found


def fail(message: str) -> NoReturn:
  """Ends the program with an error that the user can mend."""
  terminal.say(f"Error: {message}", sys.stderr)
  raise SystemExit(USAGE_ERROR)


def no_arguments(argv: list[str]) -> None:
  """Ends the program if there are arguments besides flags."""
  if len(argv) > 1:
    fail(f"unexpected arguments {argv[1:]}; flags begin with --.")


def checked_workdir(argv: list[str]) -> str:
  """Returns --workdir; ends the program without it, or with other arguments."""
  no_arguments(argv)
  if not _WORKDIR.value:
    fail("--workdir is missing, expected a folder such as runs/digits.")
  if in_bucket(_WORKDIR.value):
    return _WORKDIR.value
  try:
    return os.fspath(expanded(_WORKDIR.value))
  except UserError as error:
    fail(f"--workdir: {error}")


def checked_config(
  flag: flags.FlagHolder, *, check_files: bool = True
) -> ConfigDict:
  """Returns the validated configuration, or ends with all of its faults.

  Args:
    flag: Flag of the configuration.
    check_files: Whether files that it names must exist on this machine.
  """
  config = loaded_config(flag)
  try:
    validate(config, check_files=check_files)
  except (OSError, ValueError) as error:
    fail(str(error))
  return config


def loaded_config(flag: flags.FlagHolder) -> ConfigDict:
  """Returns the configuration as it is, or ends if it cannot be loaded."""
  try:
    config = flag.value
    if config is None:
      fail("--config is missing, expected a file such as configs/digits.py.")
    config.lock()  # the file is only loaded at the first use
  except (OSError, ValueError) as error:
    fail(str(error))
  return config


def quiet_libraries() -> None:
  """Hides progress messages of libraries unless --verbosity is given."""
  use_plain_warnings()
  if not flags.FLAGS["verbosity"].present:
    logging.set_verbosity(logging.WARNING)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # TensorFlow only reads and decodes here; with oneDNN it prints a notice.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


@contextlib.contextmanager
def clear_errors(stopped: str = _STOPPED) -> Iterator[None]:
  """Turns errors of settings and data into one message; ends all processes.

  SIGTERM and Ctrl-C end the program with a message too; during training its own
  handlers save first. In a run of several processes, a failing process ends at
  once and its peers a few seconds later; see `devices.processes.leave`.

  Args:
    stopped: Message after a signal.
  """
  # Otherwise the peers would wait for the failed process, and it for them in
  # JAX's shutdown barrier, for minutes.
  with sigterm_raises() as received:
    try:
      yield
    except KeyboardInterrupt:
      _end(130, f"SIGINT received: {stopped}", at_once=True)
    except TerminatedError:
      _end_after_sigterm(stopped)
    except Exception as error:
      if received:
        _end_after_sigterm(stopped)
      _end_after(error)


def _end_after_sigterm(stopped: str) -> NoReturn:
  _end(0, f"SIGTERM received: {stopped}", at_once=True)


def _end_after(error: Exception) -> NoReturn:
  is_message = isinstance(error, _MESSAGES)
  if not is_message:
    traceback.print_exc()
  is_usage = isinstance(error, UserError | OSError)
  hint = "" if is_message or not _is_one_of_several() else _HINT
  _end(USAGE_ERROR if is_usage else 1, f"Error: {error}{hint}")


def _is_one_of_several() -> bool:
  """Returns whether this is one process of several; does not import JAX."""
  jax = sys.modules.get("jax")
  return jax is not None and jax.distributed.is_initialized()


def _end(code: int, message: str, *, at_once: bool = False) -> NoReturn:
  """Ends the program; `at_once` without waiting for threads (downloads)."""
  terminal.say(message, sys.stderr)
  is_one_of_several = _is_one_of_several()
  if is_one_of_several:
    from suncet_jax.devices.processes import leave

    leave()
  if at_once or is_one_of_several:
    streams.flush()
    os._exit(code)
  raise SystemExit(code)
