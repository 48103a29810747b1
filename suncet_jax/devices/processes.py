"""Several processes as one job: connecting, communicating and ending."""

import functools
import glob
import importlib.util
import json
import os
import threading
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from suncet_jax.errors import UserError

# Time that JAX gives the others to reach the end of the job once the first has;
# see `leave`. Processes that end well wait for each other before, in `finish`.
_SECONDS_TO_LEAVE = 10
# Time for the others to announce the same: all of them are signalled at once,
# but process 0 must not be gone before the last of them has said so.
_SECONDS_TO_FOLLOW = 5


def connect(
  coordinator: str | None,
  process_count: int | None,
  process_id: int | None,
  *,
  in_cluster: bool | None = None,
  heartbeat_timeout: int = 100,
  initialization_timeout: int = 300,
) -> None:
  """Connects the processes of a job, if there are several.

  Several tasks of SLURM's srun or of Open MPI and the hosts of Cloud TPUs are
  recognised; on any other machine nothing happens.

  Args:
    coordinator: Address of process 0, `host:port`; None means JAX finds it.
    process_count: Number of processes; None means JAX finds it.
    process_id: Number of this process; None means JAX finds it.
    in_cluster: Whether JAX is to look for the other processes; None means only
      if a cluster is recognised.
    heartbeat_timeout: Seconds without a sign of life after which a process
      counts as dead, which ends the others.
    initialization_timeout: Seconds to wait for the others at the start.

  Raises:
    ValueError: If only some of the first three are given, or JAX finds no
      cluster.
  """
  initialize = functools.partial(
    jax.distributed.initialize,
    heartbeat_timeout_seconds=heartbeat_timeout,
    initialization_timeout=initialization_timeout,
    shutdown_timeout_seconds=_SECONDS_TO_LEAVE,
  )
  explicit = (coordinator, process_count, process_id)
  if None not in explicit:
    initialize(*explicit)
    return
  if any(value is not None for value in explicit):
    raise UserError(
      "--coordinator, --process_count and --process_id belong together: give "
      "all three or none."
    )
  if in_cluster is None:
    in_cluster = _has_several_tasks() or _is_tpu_host()
  if in_cluster:
    _connect_as_found(initialize)


def finish() -> None:
  """Waits for the other processes at the end of a job that went well."""
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices("end of the job")


def leave() -> None:
  """Announces that this process ends early; it must end right afterwards."""
  # Without this the others would wait in a collective until they miss the
  # heartbeat. JAX ends a job if one process has reached the end and another has
  # not followed within `_SECONDS_TO_LEAVE`.
  if jax.distributed.is_initialized():
    # In a thread: it ends once all have announced it, or aborts without them.
    together = threading.Thread(target=jax.distributed.shutdown, daemon=True)
    together.start()
    together.join(_SECONDS_TO_FOLLOW)


def _connect_as_found(initialize: Callable[[], None]) -> None:
  try:
    initialize()
  except (ValueError, RuntimeError) as error:
    raise UserError(
      f"No cluster to connect to was found ({error}). Give --coordinator, "
      "--process_count and --process_id, or --nodistributed for one host alone."
    ) from error


def _has_several_tasks() -> bool:
  tasks = (
    os.environ.get(name, "1")
    for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
  )
  return any(count.isdigit() and int(count) > 1 for count in tasks)


def _is_tpu_host() -> bool:
  """Returns whether there are TPUs, and JAX is to use them."""
  platforms = os.environ.get("JAX_PLATFORMS", "")
  if platforms and "tpu" not in platforms.split(","):
    return False
  has_library = importlib.util.find_spec("libtpu") is not None
  return has_library and bool(
    glob.glob("/dev/accel[0-9]*") or glob.glob("/dev/vfio/[0-9]*")
  )


def is_first() -> bool:
  """Returns whether this is process 0, which alone writes a run's files."""
  return jax.process_index() == 0


def value_from_first(value: Any) -> Any:
  """Broadcasts a JSON value from process 0; every process must call this.

  Args:
    value: Value of process 0; that of other processes is ignored.

  Returns:
    The value of process 0; with one process `value` itself.
  """
  if jax.process_count() == 1:
    return value
  text = json.dumps(value if is_first() else None).encode()
  size = int(multihost_utils.broadcast_one_to_all(np.int32(len(text))))
  padded = np.frombuffer(text.ljust(size)[:size], np.uint8)
  told = multihost_utils.broadcast_one_to_all(padded)
  return json.loads(np.asarray(told).tobytes())


def arrays_from_first(tree: Any) -> Any:
  """Broadcasts NumPy arrays from process 0, bit for bit; all must call this.

  Args:
    tree: Pytree of the same structure, shapes and dtypes on every process.

  Returns:
    The arrays of process 0; with one process `tree` itself.
  """
  if jax.process_count() == 1:
    return tree
  # As bytes: the broadcast adds zeros, which would turn -0.0 into 0.0.
  told = multihost_utils.broadcast_one_to_all(
    jax.tree.map(lambda x: np.atleast_1d(x).view(np.uint8), tree)
  )
  return jax.tree.map(
    lambda x, bits: np.asarray(bits).view(x.dtype).reshape(x.shape), tree, told
  )
