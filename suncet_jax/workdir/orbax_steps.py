"""Steps of a checkpoint folder as Orbax writes and reads them.

What is read comes with the digests that it has and those that it had; whether
it counts is decided in `checkpoint_store`.
"""

import contextlib
import logging as python_logging
from collections.abc import Iterable
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
from suncet_jax.workdir.same_tree import check_same_tree, described

# Arrays, digests by path, and the JSON beside them.
Content = tuple[Any, dict[str, str], dict[str, Any]]

# Names of the state's fields until version 0.1, and their names now.
_RENAMED = {"extras": "method_state"}


class OrbaxSteps:
  """A folder of steps; each a pytree of NumPy arrays with metadata.

  One process at a time may write to it. It never waits for other processes.
  """

  def __init__(self, folder: epath.Path, *, read_only: bool) -> None:
    """Opens the folder, or creates it unless it is only read."""
    if not read_only:
      folder.mkdir(parents=True, exist_ok=True)
    self._opened = LiteralPath(folder)
    self.folder = self._opened.path
    process = jax.process_index()
    for logger in (
      logging.get_absl_logger(),
      python_logging.getLogger("asyncio"),
    ):
      logger.addFilter(_is_worth_reading)
    self._manager = ocp.CheckpointManager(
      self.folder,
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
    """Returns the newest step; None if there is none."""
    return self._manager.latest_step()

  def all(self) -> list[int]:
    """Returns the steps that are there, in order."""
    return sorted(self._manager.all_steps())

  def save(self, step: int, arrays: Any, metadata: dict[str, Any]) -> None:
    """Writes a step, with digests of its leaves."""
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

  def delete(self, step: int) -> None:
    """Removes a step.

    Raises:
      OSError: If it cannot be removed.
    """
    with storage.one_kind_of_error():
      self._manager.delete(step)

  def discard(self, step: int) -> None:
    """Removes what a failed attempt has left."""
    # It would take the space that the next attempt needs.
    partial = self.folder.glob("*.orbax-checkpoint-tmp*")
    for folder in [*partial, self.folder / str(step)]:
      with contextlib.suppress(OSError), storage.one_kind_of_error():
        folder.rmtree(missing_ok=True)
    self._manager.reload()

  def set_aside(self, step: int) -> None:
    """Renames a damaged step to an unused name."""
    target, count = self.folder / f"corrupt-{step}", 1
    while target.exists():
      count += 1
      target = self.folder / f"corrupt-{step}-{count}"
    (self.folder / str(step)).rename(target)
    logging.error("It is kept as %s; the one before it is tried.", target.name)
    self._manager.reload()

  def whole(self, step: int, template: Any) -> Content:
    """Reads a step into a template, also one of an older version.

    Raises:
      TreeMismatchError: If it holds another tree.
    """
    meta = self._read(step, meta=ocp.args.JsonRestore())["meta"]
    check_same_tree(meta["leaves"], described(template), step)
    wanted = self._as_saved(step, template)
    arrays, digests, meta = self.exactly(step, wanted)
    if wanted is not template:
      arrays = template.replace(
        **{_RENAMED.get(name, name): tree for name, tree in arrays.items()}
      )
      digests = leaf_digests(arrays)
    return arrays, digests, meta

  def exactly(self, step: int, template: Any) -> Content:
    """Reads a step whose fields have the names of the template."""
    args = ocp.args.StandardRestore(template)
    read = self._read(step, state=args, meta=ocp.args.JsonRestore())
    arrays = read["state"]
    return arrays, leaf_digests(arrays), read["meta"]

  def parts(self, step: int, names: Iterable[str]) -> Content:
    """Reads fields of the saved state, without a template."""
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
    return handler.metadata(self.folder / str(step) / "state").tree

  def _read(self, step: int, **items: Any) -> Any:
    return self._manager.restore(step, args=ocp.args.Composite(**items))


def _is_worth_reading(record: python_logging.LogRecord) -> bool:
  """Returns False for what Orbax also raises or was told, unless verbose."""
  is_orbax = "orbax" in record.pathname or record.name == "asyncio"
  is_told = "read_only=True" in str(record.msg) or "is read only" in str(
    record.msg
  )
  is_noise = is_orbax and (record.exc_info or is_told)
  return not is_noise or logging.level_info()
