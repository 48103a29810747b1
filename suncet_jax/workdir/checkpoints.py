"""Checkpoints of a run, of one process or of several.

Only the first process reads and writes, since the state is the same on all; the
others receive broadcasts. So none of them waits for a process whose disk has
failed, and they need not see the folder.
"""

import functools
from concurrent import futures
from typing import Any

import jax
import numpy as np
from absl import logging
from etils import epath
from jax.experimental import multihost_utils

from suncet_jax.devices.processes import (
  arrays_from_first,
  is_first,
  value_from_first,
)
from suncet_jax.errors import RunError, UserError
from suncet_jax.workdir.checkpoint_store import Store
from suncet_jax.workdir.same_tree import TreeMismatchError

__all__ = ["Checkpoints", "SaveError", "TreeMismatchError"]


class SaveError(RunError):
  """The last state of a run could not be written."""


class Checkpoints:
  """The checkpoints of a run; a context manager that ends pending writes.

  All processes of a run call the same methods in the same order.
  """

  def __init__(
    self,
    folder: epath.PathLike,
    *,
    keep: int = 2,
    keep_every_steps: int = 0,
    read_only: bool = False,
  ) -> None:
    """Opens a folder or creates it.

    Args:
      folder: Folder of the steps.
      keep: Number of newest steps to keep.
      keep_every_steps: Divisor of further steps to keep; 0 means none.
      read_only: Whether to change nothing, so that another process may use the
        folder.
    """
    self._folder = epath.Path(folder)
    self._store: Store | None = None
    if is_first():
      self._store = Store(
        self._folder,
        keep=keep,
        keep_every_steps=keep_every_steps,
        read_only=read_only,
      )
    self._writer = futures.ThreadPoolExecutor(1, "checkpoint")
    self._pending: futures.Future | None = None
    self._has_failed = False  # whether the last save has

  def __enter__(self) -> "Checkpoints":
    """Returns itself."""
    return self

  def __exit__(self, *exception: Any) -> None:
    """Waits for pending writes and closes the folder."""
    self._writer.shutdown()
    if self._store:
      self._store.close()

  def latest(self) -> int | None:
    """Returns the newest step on disk, intact or not; None if there is none."""
    self._finish_pending()
    return value_from_first(self._store.latest() if self._store else None)

  def save(self, step: int, state: Any, metadata: dict[str, Any]) -> None:
    """Writes a step, and reads it back from disk, in the background.

    Older steps are removed after that. A failure, such as a full disk or a
    step that cannot be read, is logged with the free space when it happens; the
    next save is the next attempt.

    Args:
      step: Step that `state` belongs to.
      state: Pytree of arrays, the same on all processes.
      metadata: JSON values to save with it.
    """
    self._finish_pending()
    if self._store:
      # Copies: the next training step reuses the buffers of the state.
      arrays = jax.tree.map(np.array, jax.device_get(state))
      write = functools.partial(
        self._write, self._store, step, arrays, metadata
      )
      self._pending = self._writer.submit(write)
    else:
      self._pending = self._writer.submit(lambda: None)

  def wait(self) -> None:
    """Waits until the last save is on disk and was read back from there.

    Raises:
      SaveError: If the save could not be written or read back.
    """
    self._finish_pending()
    if self._has_failed:
      raise SaveError(
        f"The last checkpoint could not be written to {self._folder}. The "
        f"newest one that is there is of step {self.latest()}. Make room, or "
        "mend what the log names, then run the same command again to go on "
        "from it."
      )

  def restore(
    self, template: Any, step: int | None = None
  ) -> tuple[Any, dict[str, Any]] | None:
    """Reads the newest intact step, or a given one.

    A damaged step is renamed to `corrupt-N` (unless read-only), which nothing
    reads again, and the one before it is tried.

    Args:
      template: Pytree of `jax.ShapeDtypeStruct` with shardings.
      step: Step to read; None means the newest.

    Returns:
      The state and its metadata; None if there is no step.

    Raises:
      ValueError: If every step is damaged, or `step` does not exist.
      TreeMismatchError: If a step has other leaves, shapes or dtypes than the
        template (Orbax itself would silently cast dtypes).
    """
    arrays = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), template)
    metadata: dict[str, Any] | None = None
    problem: UserError | None = None
    if self._store:
      try:
        arrays, metadata = self._store.newest_intact(arrays, step) or (
          arrays,
          None,
        )
      except UserError as error:
        problem = error
    if value_from_first(problem is not None):
      raise problem or UserError("Process 0 found no usable checkpoint.")
    metadata = value_from_first(metadata)
    if metadata is None:
      return None
    return jax.tree.map(_place, arrays_from_first(arrays), template), metadata

  def reached_preemption(self, step: int) -> bool:
    """Returns whether the platform asked this run to end.

    The answer is the same on all processes. If there are several, they must
    call this once per step.
    """
    return multihost_utils.reached_preemption_sync_point(step)

  def _finish_pending(self) -> None:
    """Waits for the last save and tells all processes whether it failed."""
    if self._pending is None:
      return
    has_failed = self._pending.exception() is not None
    self._pending = None
    self._has_failed = value_from_first(has_failed)

  def _write(
    self, store: Store, step: int, arrays: Any, metadata: dict[str, Any]
  ) -> None:
    """Writes a step, in a separate thread; logs a failure at once."""
    try:
      store.write(step, arrays, metadata)
    except Exception as error:
      logging.error(
        "The checkpoint of step %d could not be written to %s (free space "
        "there: %s); training goes on: %s",
        step,
        self._folder,
        store.free_space(),
        error,
      )
      raise


def _place(array: np.ndarray, leaf: jax.ShapeDtypeStruct) -> jax.Array:
  return jax.make_array_from_callback(
    leaf.shape, leaf.sharding, lambda index: array[index]
  )
