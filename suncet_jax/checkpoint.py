"""Checkpoints: Orbax, with a digest of every leaf and a way back.

Orbax commits a step by a rename, so a killed process never leaves half a step.
But it restores flipped bits silently, and a truncated file as one of many
exceptions: here every leaf's digest is saved with it and checked after reading,
and a damaged step gives way to the newest intact one.
"""

import shutil
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers as policies

from suncet_jax.digest import leaf_digests

_MAX_FAILED_SAVES = 3


class TreeMismatchError(ValueError):
  """A checkpoint holds other arrays than the program wants."""


class Checkpoints:
  """The checkpoints of a run; a context manager that ends pending writes."""

  def __init__(
    self,
    folder: epath.PathLike,
    *,
    keep: int = 2,
    keep_every_steps: int = 0,
    read_only: bool = False,
  ) -> None:
    """Opens a folder, or creates it.

    Args:
      folder: Where the steps lie.
      keep: How many of the newest stay.
      keep_every_steps: Also keep every step divisible by this; 0: none.
      read_only: Change nothing, so that another process may be at work here.
    """
    self._folder = epath.Path(folder)
    self._is_read_only = read_only
    keepers: list[Any] = [policies.LatestN(keep)]
    if keep_every_steps:
      keepers.append(policies.EveryNSteps(keep_every_steps))
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        preservation_policy=policies.AnyPreservationPolicy(keepers),
        cleanup_tmp_directories=not read_only,
        read_only=read_only,
      ),
    )
    self._failed_saves = 0  # in a row
    self._is_pending = False

  def __enter__(self) -> "Checkpoints":
    """Returns itself."""
    return self

  def __exit__(self, *exception: Any) -> None:
    """Waits for pending writes and closes the folder."""
    self._manager.close()

  def latest(self) -> int | None:
    """Returns the newest step on disk, intact or not; None if there is none."""
    return self._manager.latest_step()

  def save(self, step: int, state: Any, notes: dict[str, Any]) -> None:
    """Writes a step in the background.

    A write that fails (a full disk, say) shows at the next save: it is logged
    with the free space, and the run goes on; several in a row end it.

    Args:
      step: The step that `state` belongs to.
      state: A pytree of arrays.
      notes: Saved beside it; JSON values.

    Raises:
      OSError: If the last writes all failed.
    """
    self._finish_pending()
    if self._failed_saves >= _MAX_FAILED_SAVES:
      raise OSError(
        f"{self._failed_saves} checkpoints in a row could not be written to "
        f"{self._folder}; free space there: {self._free_space()}."
      )
    if step in self._manager.all_steps():
      return
    meta = {
      "digests": leaf_digests(state),
      "leaves": _describe(state),
      "notes": notes,
    }
    try:
      self._is_pending = self._manager.save(
        step,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta)
        ),
        force=True,
      )
      if not self._is_pending:
        raise ValueError(f"Orbax did not save step {step}")
    except (OSError, ValueError) as error:
      self._report_failure(error)

  def wait(self) -> None:
    """Returns when the last save is on disk.

    Raises:
      OSError: If it could not be written.
    """
    self._finish_pending()
    if self._failed_saves:
      raise OSError(
        f"The last checkpoint could not be written to {self._folder}; free "
        f"space there: {self._free_space()}."
      )

  def restore(
    self, template: Any, step: int | None = None
  ) -> tuple[Any, dict[str, Any]] | None:
    """Reads the newest intact step, or a given one.

    A damaged step is renamed to `corrupt-N`, which nothing reads again (but
    not if read-only), and the one before it is tried. In a run of several
    processes all take the same step.

    Args:
      template: A pytree of `jax.ShapeDtypeStruct` with shardings.
      step: Which step; None: the newest.

    Returns:
      The state and the notes saved with it; None if there is no step.

    Raises:
      ValueError: If every step is damaged, or `step` is not there.
      TreeMismatchError: If a step has other leaves, shapes or dtypes than the
        template (Orbax itself would cast a dtype without a word).
    """
    steps = sorted(self._manager.all_steps(), reverse=True)
    if step is not None:
      if step not in steps:
        raise ValueError(
          f"There is no checkpoint of step {step} in {self._folder}; there "
          f"are: {', '.join(map(str, reversed(steps))) or 'none'}."
        )
      steps = [step]
    for candidate in steps:
      restored = self._try(candidate, template)
      if restored is not None:
        return restored
      if not self._is_read_only:
        self._set_aside(candidate)
    # Also where an earlier start has found and set aside the last one: a run
    # must not begin anew without a word.
    if steps or any(self._folder.glob("corrupt-*")):
      raise ValueError(
        f"No checkpoint in {self._folder} is intact"
        + (f" (tried {steps})" if steps else "")
        + ". Damaged ones are kept as corrupt-N; remove the run's folder to "
        "start again."
      )
    return None

  def reached_preemption(self, step: int) -> bool:
    """Whether the platform asked this run to end; the same on all processes.

    To be asked once per step where there are several processes.
    """
    return self._manager.reached_preemption(step)

  def _finish_pending(self) -> None:
    """Waits for the last save; whether it failed shows only then."""
    try:
      self._manager.wait_until_finished()
      if self._is_pending:
        self._failed_saves = 0
    except (OSError, ValueError) as error:
      self._report_failure(error)
    self._is_pending = False

  def _report_failure(self, error: Exception) -> None:
    self._failed_saves += 1
    logging.error(
      "A checkpoint could not be written to %s (free space there: %s): %s",
      self._folder,
      self._free_space(),
      error,
    )

  def _free_space(self) -> str:
    try:
      return f"{shutil.disk_usage(self._folder).free / 1e6:,.0f} MB"
    except OSError:  # a bucket, not a disk
      return "unknown"

  def _try(self, step: int, template: Any) -> tuple[Any, dict[str, Any]] | None:
    """Returns a step if it is intact on all processes."""
    restored, reason = None, ""
    try:
      meta = self._read(step, meta=ocp.args.JsonRestore())["meta"]
      _check_same_tree(meta["leaves"], _describe(template), step)
      args = ocp.args.StandardRestore(template)
      state = self._read(step, state=args)["state"]
      damaged = _differing(leaf_digests(state), meta["digests"])
      if damaged:
        reason = f"digest mismatch of {', '.join(damaged[:3])}"
      else:
        restored = state, meta["notes"]
    except (
      TreeMismatchError,
      MemoryError,
      PermissionError,
      jax.errors.JaxRuntimeError,
    ):
      raise  # says nothing against the files
    # A damaged file comes out as nearly any other exception, a bare one too.
    except Exception as error:
      reason = f"{type(error).__name__}: {str(error).splitlines()[:1]}"
    is_intact = np.array([restored is not None])
    if jax.process_count() > 1:
      is_intact = multihost_utils.process_allgather(is_intact)
    if is_intact.all():
      return restored
    logging.error(
      "The checkpoint of step %d in %s is damaged (%s).",
      step,
      self._folder,
      reason or "on another process",
    )
    return None

  def _read(self, step: int, **items: Any) -> Any:
    return self._manager.restore(step, args=ocp.args.Composite(**items))

  def _set_aside(self, step: int) -> None:
    if jax.process_index() == 0:
      damaged = self._folder / str(step)
      damaged.rename(self._folder / f"corrupt-{step}")
    if jax.process_count() > 1:
      multihost_utils.sync_global_devices(f"set aside {step}")
    self._manager.reload()


def _describe(tree: Any) -> dict[str, str]:
  """Returns dtype and shape of every leaf by its path."""
  return {
    jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}"
    for path, leaf in jax.tree.leaves_with_path(tree)
  }


def _differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
  return [
    path
    for path in sorted(first.keys() | second.keys())
    if first.get(path) != second.get(path)
  ]


def _check_same_tree(
  saved: dict[str, str], wanted: dict[str, str], step: int
) -> None:
  differing = _differing(saved, wanted)
  if differing:
    lines = "\n".join(
      f"  {path}: {saved.get(path, 'absent')} -> {wanted.get(path, 'absent')}"
      for path in differing[:10]
    )
    raise TreeMismatchError(
      f"The checkpoint of step {step} is of another model or optimiser; "
      f"{len(differing)} leaves differ (saved -> wanted):\n{lines}"
    )
