"""Compiled programs, kept for all runs of a user: later ones start sooner."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import jax
from absl import logging
from jax.experimental.compilation_cache import compilation_cache
from ml_collections import ConfigDict

from suncet_jax.console import terminal
from suncet_jax.devices.host import available_cpus, has_home
from suncet_jax.files.paths import expanded
from suncet_jax.workdir.folder import RunFolder

_FOLDER = "jax_compilation_cache_dir"
# Setting of JAX -> its default and ours; what the user has set stays.
_BOUNDS: dict[str, tuple[float, float]] = {
  # Bytes, after which those go that were not used for longest. A run on CPUs
  # has a few megabytes of programs.
  "jax_compilation_cache_max_size": (-1, 2**30),
  # Shorter ones are many, and each costs two files.
  "jax_persistent_cache_min_compile_time_secs": (1.0, 0.2),
}
# What says that a folder cannot be used: the second, of one without locks.
_UNUSABLE = (OSError, NotImplementedError)
_PROBE_BYTES = 2**16  # a full disk may still have room for an empty file
_OF_JAX = "persistent compilation cache"  # in its warnings
# Names that JAX gives to what it writes, to this one last, and to its lock.
_PROGRAM, _LAST_USE, _LOCK = "-cache", "-atime", ".lockfile"


@contextlib.contextmanager
def programs_kept(config: ConfigDict, folder: RunFolder) -> Iterator[None]:
  """Keeps compiled programs while the context is active.

  They are in the cache folder of the user, see `user_folder`; in the run's
  folder if that cannot be written, or if the run has several processes, which
  may have no other folder in common. A cache chosen by the user
  ($JAX_COMPILATION_CACHE_DIR) stays in use.

  Args:
    config: The whole configuration; `train.compilation_cache` is read.
    folder: Folder of the run.
  """
  if not _chosen() and not config.train.compilation_cache:
    yield
    return
  # Expanded here: JAX would make a folder named ~.
  with _in_use(_chosen() or _settings(folder)):
    yield


@contextlib.contextmanager
def programs_of_user_kept() -> Iterator[None]:
  """Keeps compiled programs of a command that writes no run.

  They are where `programs_kept` has them; nowhere if that cannot be written.
  """
  try:
    settings = _chosen() or _of_user()
  except _UNUSABLE:
    settings = {}
  with _in_use(settings):
    yield


def user_folder() -> Path:
  """Returns the folder of the programs for as many CPUs as here are used.

  It is below $XDG_CACHE_HOME or ~/.cache. JAX finds a program by all that it is
  made from: its text, the versions of JAX and XLA, XLA's flags and the features
  of the CPU; but not by the number of CPUs, into which XLA divides the work.

  Raises:
    OSError: If there is no home folder.
  """
  base = os.environ.get("XDG_CACHE_HOME", "")
  if not os.path.isabs(base):  # such a path is to be ignored
    home = Path("~").expanduser() if has_home() else None
    if home is None or not home.is_dir():
      raise OSError("there is no home folder")
    base = str(home / ".cache")
  cpus = os.environ.get("NPROC") or available_cpus()  # as XLA counts
  return Path(base, "suncet_jax", "compiled", f"{cpus}-cpus")


def _settings(folder: RunFolder) -> dict[str, Any]:
  """Returns settings of JAX; says so if the folder is not the usual one."""
  if jax.process_count() == 1:
    try:
      return _of_user()
    except _UNUSABLE as error:
      terminal.say(
        f"Compiled programs are kept in {folder.path} only: {error}. "
        "$XDG_CACHE_HOME or $JAX_COMPILATION_CACHE_DIR choose another folder."
      )
  return {_FOLDER: str(folder.path / "compilation_cache")}


def _chosen() -> dict[str, Any]:
  """Returns settings of JAX for the folder that the user has set, or {}."""
  chosen = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
  return {_FOLDER: str(expanded(chosen))} if chosen else {}


def _of_user() -> dict[str, Any]:
  """Returns settings of JAX for the user's folder, made ready.

  Raises:
    OSError, NotImplementedError: If it cannot be used.
  """
  place = user_folder()
  _prepare(place)
  bounds = {
    name: ours
    for name, (default, ours) in _BOUNDS.items()
    if getattr(jax.config, name) == default
  }
  return {_FOLDER: str(place), **bounds}


def _prepare(place: Path) -> None:
  """Makes the folder, if need be; checks that it can be written; mends it."""
  # What is in it is run: nobody else may write there.
  place.mkdir(mode=0o700, parents=True, exist_ok=True)
  with tempfile.TemporaryFile(dir=place) as file:
    file.write(bytes(_PROBE_BYTES))
  with (
    contextlib.suppress(filelock.Timeout),  # whoever holds it mended before
    filelock.FileLock(place / _LOCK, timeout=1),
  ):
    _remove_unfinished(place)


def _remove_unfinished(place: Path) -> None:
  """Removes programs that a killed process, or a full disk, left in part.

  JAX would warn of them for ever: it overwrites nothing, and it cannot tell
  when they were last used.
  """
  for program in place.glob(f"*{_PROGRAM}"):
    used = program.with_name(program.name.removesuffix(_PROGRAM) + _LAST_USE)
    if not used.exists() or not used.stat().st_size:
      program.unlink()


@contextlib.contextmanager
def _faults_told_once() -> Iterator[None]:
  """Says once, in plain words, what JAX would warn of at each program."""
  is_told = False

  def show(message: Any, *arguments: Any, **settings: Any) -> None:
    nonlocal is_told
    if _OF_JAX not in str(message):
      usual(message, *arguments, **settings)
    elif not is_told:
      is_told = True
      logging.warning(
        "%s. The program was compiled anew; this is said once.", message
      )

  with warnings.catch_warnings():
    usual, warnings.showwarning = warnings.showwarning, show
    yield


@contextlib.contextmanager
def _in_use(settings: dict[str, Any]) -> Iterator[None]:
  """Has JAX use settings while the context is active."""
  before = {name: getattr(jax.config, name) for name in settings}
  _use(**settings)
  try:
    with _faults_told_once():
      yield
  finally:
    _use(**before)


def _use(**settings: Any) -> None:
  for name, value in settings.items():
    jax.config.update(name, value)
  compilation_cache.reset_cache()  # opened only once, at the first program
