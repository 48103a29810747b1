"""Steps of a run on disk, by Orbax, with a digest of every leaf.

Orbax commits a step by a rename, so a killed process never leaves half a step.
But it restores flipped bits silently, and raises one of many exceptions for a
truncated file. Here a digest of every leaf is saved and checked after reading,
and the newest intact step replaces a damaged one. A step that was written is
read back in the same way before it counts and an older one is removed.
"""

import contextlib
import errno
import logging as python_logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.workdir.digest import leaf_digests
from suncet_jax.workdir.literal_path import LiteralPath
from suncet_jax.workdir.same_tree import (
  TreeMismatchError,
  check_same_tree,
  described,
)

# Names of the state's fields until version 0.1, and their names now.
_RENAMED = {"extras": "method_state"}
_LONGEST_REASON = 300  # characters
_BYTES_BESIDE_ARRAYS = 500_000  # upper bound for names, shapes, digests


# Arrays, digests by path, and the JSON beside them.
_Content = tuple[Any, dict[str, str], dict[str, Any]]


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
    if not read_only:
      folder.mkdir(parents=True, exist_ok=True)
    self._opened = LiteralPath(folder)
    self._folder = self._opened.path
    process = jax.process_index()
    for logger in (
      logging.get_absl_logger(),
      python_logging.getLogger("asyncio"),
    ):
      logger.addFilter(_is_worth_reading)
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        create=False,
        enable_async_checkpointing=False,
        max_to_keep=None,  # Orbax would remove before a step is read back
        cleanup_tmp_directories=not read_only,
        read_only=read_only,
        multiprocessing_options=ocp.options.MultiprocessingOptions(
          primary_host=process,
          active_processes={process},
          barrier_sync_key_prefix=f"process{process}",
        ),
      ),
    )

  def close(self) -> None:
    """Closes the folder."""
    self._manager.close()
    self._opened.close()

  def latest(self) -> int | None:
    """Returns the newest step, intact or not; None if there is none."""
    return self._manager.latest_step()

  def write(self, step: int, arrays: Any, metadata: dict[str, Any]) -> None:
    """Writes a step unless it exists, and reads it back from disk.

    Only then steps that are not to be kept are removed.

    Raises:
      Exception: If writing or reading back fails; of nearly any kind. Nothing
        is left of the step, and the others are as they were.
    """
    if step in self._known:
      return
    is_there = step in self._manager.all_steps()
    try:
      if not is_there:
        self._write(step, arrays, metadata)
      self._read_back(step, arrays)
    except Exception:
      if not is_there:
        self._discard(step)
      raise
    self._known.add(step)
    self._remove_old()

  def _write(self, step: int, arrays: Any, metadata: dict[str, Any]) -> None:
    self._check_room(arrays)
    meta = {
      "digests": leaf_digests(arrays),
      "leaves": described(arrays),
      "notes": metadata,
    }
    is_saved = self._manager.save(
      step,
      args=ocp.args.Composite(
        state=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(meta)
      ),
      force=True,
    )
    if not is_saved:
      raise UserError(f"Orbax did not save step {step}")

  def _read_back(self, step: int, arrays: Any) -> None:
    """Checks that a step can be read, all of it.

    Raises:
      DamagedError: If it cannot.
    """
    try:
      self._intact(step, lambda step: self._exactly(step, arrays))
    except Exception as error:  # as in `_try`
      raise DamagedError(
        f"what was written cannot be read back ({self._reason(error)})"
      ) from error

  def _discard(self, step: int) -> None:
    """Removes what a failed attempt has left."""
    # It would take the space that the next attempt needs.
    partial = self._folder.glob("*.orbax-checkpoint-tmp*")
    for folder in [*partial, self._folder / str(step)]:
      with contextlib.suppress(OSError), storage.one_kind_of_error():
        folder.rmtree(missing_ok=True)
    self._manager.reload()

  def _remove_old(self) -> None:
    """Removes the steps that are not to be kept; logs a failure."""
    for step in self._superfluous():
      try:
        with storage.one_kind_of_error():
          self._manager.delete(step)
      except OSError as error:
        logging.error(
          "The checkpoint of step %d in %s could not be removed: %s",
          step,
          self._name,
          error,
        )

  def _superfluous(self) -> Iterator[int]:
    every = self._keep_every_steps
    for step in sorted(self._manager.all_steps())[: -self._keep]:
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
    return self._newest(step, lambda step: self._whole(step, template))

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
    return self._newest(None, lambda step: self._parts(step, names))

  def _newest(
    self, step: int | None, read: Callable[[int], _Content]
  ) -> tuple[Any, dict[str, Any]] | None:
    """Returns a given step if it is intact, or the newest intact one."""
    steps = sorted(self._manager.all_steps(), reverse=True)
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
        self._set_aside(candidate)
    # Also if an earlier start has set aside the last step: a run must not
    # silently begin anew.
    if steps or any(self._folder.glob("corrupt-*")):
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
    self, step: int, read: Callable[[int], _Content]
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
    self, step: int, read: Callable[[int], _Content]
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
    line = line.replace(str(self._folder), str(self._name))
    return f"{type(error).__name__}: {line}"

  def _whole(self, step: int, template: Any) -> _Content:
    meta = self._read(step, meta=ocp.args.JsonRestore())["meta"]
    check_same_tree(meta["leaves"], described(template), step)
    wanted = self._as_saved(step, template)
    arrays, digests, meta = self._exactly(step, wanted)
    if wanted is not template:
      arrays = template.replace(
        **{_RENAMED.get(name, name): tree for name, tree in arrays.items()}
      )
      digests = leaf_digests(arrays)
    return arrays, digests, meta

  def _exactly(self, step: int, template: Any) -> _Content:
    """Reads a step whose fields have the names of the template."""
    args = ocp.args.StandardRestore(template)
    read = self._read(step, state=args, meta=ocp.args.JsonRestore())
    arrays = read["state"]
    return arrays, leaf_digests(arrays), read["meta"]

  def _as_saved(self, step: int, template: Any) -> Any:
    """Returns the template with the names of fields in the saved step."""
    saved = self._saved_tree(step)
    if not isinstance(saved, dict) or not _RENAMED.keys() & saved.keys():
      return template
    return {
      name: getattr(template, _RENAMED.get(str(name), str(name)))
      for name in saved
    }

  def _saved_tree(self, step: int) -> Any:
    """Returns Orbax's metadata of the arrays of a step, nested like them."""
    handler = ocp.PyTreeCheckpointHandler()
    return handler.metadata(self._folder / str(step) / "state").tree

  def _parts(self, step: int, names: Iterable[str]) -> _Content:
    meta = self._read(step, meta=ocp.args.JsonRestore())["meta"]
    saved = self._saved_tree(step)
    template = {
      name: jax.tree.map(lambda x: np.empty(x.shape, x.dtype), saved[name])
      for name in names
      if jax.tree.leaves(saved.get(name))
    }
    args = ocp.args.PyTreeRestore(template, partial_restore=True)
    arrays = self._read(step, state=args)["state"]
    digests = {
      f".{name}{path}": digest
      for name, tree in arrays.items()
      for path, digest in leaf_digests(tree).items()
    }
    return arrays, digests, meta

  def _read(self, step: int, **items: Any) -> Any:
    return self._manager.restore(step, args=ocp.args.Composite(**items))

  def _set_aside(self, step: int) -> None:
    """Renames a damaged step to an unused name."""
    target, count = self._folder / f"corrupt-{step}", 1
    while target.exists():
      count += 1
      target = self._folder / f"corrupt-{step}-{count}"
    (self._folder / str(step)).rename(target)
    logging.error("It is kept as %s; the one before it is tried.", target.name)
    self._manager.reload()


def _is_worth_reading(record: python_logging.LogRecord) -> bool:
  """Returns False for what Orbax also raises or was told, unless verbose."""
  is_orbax = "orbax" in record.pathname or record.name == "asyncio"
  is_told = "read_only=True" in str(record.msg) or "is read only" in str(
    record.msg
  )
  is_noise = is_orbax and (record.exc_info or is_told)
  return not is_noise or logging.level_info()
