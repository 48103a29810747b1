"""Steps of a run on disk, by Orbax, with a digest of every leaf.

Orbax commits a step by a rename, so a killed process never leaves half a step.
But it restores flipped bits silently, and raises one of many exceptions for a
truncated file. Here a digest of every leaf is saved and checked after reading,
and the newest intact step replaces a damaged one. A step that was written is
read back in the same way before it counts and an older one is removed.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
from absl import logging
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.workdir.orbax_steps import Content, OrbaxSteps
from suncet_jax.workdir.same_tree import TreeMismatchError

_LONGEST_REASON = 300  # characters
_BYTES_BESIDE_ARRAYS = 500_000  # upper bound for names, shapes, digests


class DamagedError(Exception):
  """What was read of a checkpoint is not what was written."""


class Store:
  """A folder of steps, each a pytree of NumPy arrays with metadata.

  One process at a time may write to it. It never waits for other processes.
  """

  def __init__(
    self,
    folder: epath.Path,
    *,
    keep: int,
    keep_every_steps: int,
    read_only: bool,
  ) -> None:
    """Opens the folder or creates it; see `Checkpoints`."""
    self._name = folder  # for messages
    self._is_read_only = read_only
    self._keep, self._keep_every_steps = keep, keep_every_steps
    self._known: set[int] = set()  # steps that this process has read back
    self._steps = OrbaxSteps(folder, read_only=read_only)

  def close(self) -> None:
    """Closes the folder."""
    self._steps.close()

  def latest(self) -> int | None:
    """Returns the newest step, intact or not; None if there is none."""
    return self._steps.latest()

  def write(self, step: int, arrays: Any, metadata: dict[str, Any]) -> None:
    """Writes a step unless it exists, and reads it back from disk.

    Only then steps that are not to be kept are removed.

    Raises:
      Exception: If writing or reading back fails; of nearly any kind. Nothing
        is left of the step, and the others are as they were.
    """
    if step in self._known:
      return
    is_there = step in self._steps.all()
    try:
      if not is_there:
        self._check_room(arrays)
        self._steps.save(step, arrays, metadata)
      self._read_back(step, arrays)
    except Exception:
      if not is_there:
        self._steps.discard(step)
      raise
    self._known.add(step)
    self._remove_old()

  def _read_back(self, step: int, arrays: Any) -> None:
    """Checks that a step can be read, all of it.

    Raises:
      DamagedError: If it cannot.
    """
    try:
      self._intact(step, lambda step: self._steps.exactly(step, arrays))
    except Exception as error:  # as in `_try`
      raise DamagedError(
        f"what was written cannot be read back ({self._reason(error)})"
      ) from error

  def _remove_old(self) -> None:
    """Removes the steps that are not to be kept; logs a failure."""
    for step in self._superfluous():
      try:
        self._steps.delete(step)
      except OSError as error:
        logging.error(
          "The checkpoint of step %d in %s could not be removed: %s",
          step,
          self._name,
          error,
        )

  def _superfluous(self) -> Iterator[int]:
    every = self._keep_every_steps
    for step in self._steps.all()[: -self._keep]:
      if not every or step % every:
        yield step

  def free_space(self) -> str:
    """Returns the free space of the disk, for messages."""
    free = self._free_bytes()
    return "unknown" if free is None else f"{free / 1e6:,.1f} MB"

  def newest_intact(
    self, template: Any, step: int | None
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns arrays and metadata of a step; see `Checkpoints.restore`."""
    return self._newest(step, lambda step: self._steps.whole(step, template))

  def newest_parts(
    self, names: Iterable[str]
  ) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Returns parts of the newest intact step, without a template.

    Args:
      names: Names of fields of the saved state, such as "params".

    Returns:
      Nested dicts of NumPy arrays by field, and the metadata; None if there is
      no step. Fields that hold no array are left out.

    Raises:
      ValueError: If every step is damaged.
    """
    return self._newest(None, lambda step: self._steps.parts(step, names))

  def _newest(
    self, step: int | None, read: Callable[[int], Content]
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns a given step if it is intact, or the newest intact one."""
    steps = self._steps.all()[::-1]
    if step is not None:
      if step not in steps:
        raise UserError(
          f"There is no checkpoint of step {step} in {self._name}; there "
          f"are: {', '.join(map(str, reversed(steps))) or 'none'}."
        )
      steps = [step]
    for candidate in steps:
      restored = self._try(candidate, read)
      if restored is not None:
        return restored
      if not self._is_read_only:
        self._steps.set_aside(candidate)
    # Also if an earlier start has set aside the last step: a run must not
    # silently begin anew.
    if steps or any(self._steps.folder.glob("corrupt-*")):
      raise UserError(
        f"No checkpoint in {self._name} is intact"
        + (f" (tried {steps})" if steps else "")
        + ". Damaged ones are kept as corrupt-N; remove the run's folder to "
        "start again."
      )
    return None

  def _check_room(self, arrays: Any) -> None:
    """Checks the free space before Orbax, whose errors are very long."""
    needed = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
    needed += _BYTES_BESIDE_ARRAYS
    free = self._free_bytes()
    if free is not None and free < needed:
      raise OSError(
        errno.ENOSPC,
        f"{os.strerror(errno.ENOSPC)} for {needed / 1e6:,.1f} MB",
      )

  def _free_bytes(self) -> int | None:
    try:
      return shutil.disk_usage(self._name).free
    except OSError:  # a bucket, not a disk
      return None

  def _try(
    self, step: int, read: Callable[[int], Content]
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns a step if it is intact."""
    try:
      return self._intact(step, read)
    except (TreeMismatchError, MemoryError, PermissionError):
      raise  # no sign of a damaged file
    # A damaged file raises nearly any other exception, even a bare one.
    except Exception as error:
      logging.error(
        "The checkpoint of step %d in %s is damaged (%s).",
        step,
        self._name,
        self._reason(error),
      )
    return None

  def _intact(
    self, step: int, read: Callable[[int], Content]
  ) -> tuple[Any, dict[str, Any]]:
    """Returns arrays and metadata of a step.

    Raises:
      Exception: If the step is damaged; of nearly any kind.
    """
    arrays, digests, meta = read(step)
    damaged = [
      path
      for path, digest in digests.items()
      if meta["digests"].get(path) != digest
    ]
    if damaged:
      raise DamagedError(f"digest mismatch of {', '.join(damaged[:3])}")
    return arrays, meta["notes"]

  def _reason(self, error: Exception) -> str:
    """Returns an error as one line, without the page that Orbax makes of it."""
    if isinstance(error, DamagedError):
      return str(error)
    line = (str(error).splitlines() or [""])[0][:_LONGEST_REASON]
    line = line.replace(str(self._steps.folder), str(self._name))
    return f"{type(error).__name__}: {line}"
