"""Devices: one mesh axis, where arrays lie, start-up of several processes."""

import os
from collections.abc import Callable

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

DATA_AXIS = "data"


def make_mesh() -> Mesh:
  """Returns the mesh of all devices of all processes: one axis, "data".

  Its type is Auto: what the compiler may partition, it partitions.
  """
  return jax.make_mesh(
    (jax.device_count(),), (DATA_AXIS,), axis_types=(AxisType.Auto,)
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of an array that every device holds whole."""
  return NamedSharding(mesh, PartitionSpec())


def by_rows(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of an array whose rows are spread over devices."""
  return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def check_divisible(mesh: Mesh, **row_counts: int) -> None:
  """Checks that rows can be spread evenly over the devices.

  Args:
    mesh: The devices.
    **row_counts: Rows per step by the name of the setting.

  Raises:
    ValueError: Naming the setting, both numbers and the nearest valid sizes.
  """
  for name, count in row_counts.items():
    if count % mesh.size:
      below = count // mesh.size * mesh.size
      near = [n for n in (below, below + mesh.size) if n]
      raise ValueError(
        f"{name} is {count}, which {mesh.size} devices cannot share evenly. "
        f"Nearest valid: {' or '.join(map(str, near))}."
      )


class RowPlacement:
  """Spreads the rows of a host array over the devices of all processes.

  Attributes:
    count: Number of global rows.
    rows: Those that this process must provide, int64, ascending.
  """

  def __init__(self, mesh: Mesh, count: int) -> None:
    """Asks JAX which device holds which of the `count` global rows."""
    self._sharding = by_rows(mesh)
    self.count = count
    mine = self._sharding.addressable_devices_indices_map((count,))
    starts = sorted(_bounds(index, count) for index in mine.values())
    self.rows = np.concatenate([np.arange(*bounds) for bounds in starts])
    self._offset = {
      start: int(np.searchsorted(self.rows, start)) for start, _ in starts
    }

  def put(self, local: np.ndarray) -> jax.Array:
    """Makes the global array [count, ...] from this process's rows."""

    def block(index: tuple[slice, ...] | None) -> np.ndarray:
      start, stop = _bounds(index, self.count)
      offset = self._offset[start]
      return local[offset : offset + stop - start]

    shape = (self.count, *local.shape[1:])
    return jax.make_array_from_callback(shape, self._sharding, block)


def _bounds(index: tuple[slice, ...] | None, count: int) -> tuple[int, int]:
  """Returns the first row of a device's block and the row after its last."""
  start, stop, _ = (index[0] if index else slice(None)).indices(count)
  return start, stop


def over_rows(
  mesh: Mesh, loss: Callable[..., jax.Array]
) -> Callable[..., jax.Array]:
  """Wraps a loss of row arrays so that its collectives are its own.

  Args:
    mesh: The devices that the rows are spread over.
    loss: Takes arrays split by rows and `axis_name`; returns a scalar that is
      the same on all devices.

  Returns:
    The same function of global arrays. On one device it is `loss` itself.
  """
  if mesh.size == 1:
    return loss

  def mapped(*arrays: jax.Array) -> jax.Array:
    return jax.shard_map(
      lambda *local: loss(*local, axis_name=DATA_AXIS),
      mesh=mesh,
      in_specs=PartitionSpec(DATA_AXIS),
      out_specs=PartitionSpec(),
    )(*arrays)

  return mapped


def start_processes(
  coordinator: str | None,
  process_count: int | None,
  process_id: int | None,
  *,
  in_cluster: bool = False,
) -> None:
  """Connects the processes of a run, where there are several.

  Several tasks of SLURM's srun or of Open MPI are recognised; on a plain
  machine nothing happens.

  Args:
    coordinator: `host:port` of process 0; None: JAX finds it.
    process_count: Number of processes; None: JAX finds it.
    process_id: Which one this is; None: JAX finds it.
    in_cluster: Connect in any case, for clusters that only JAX recognises,
      such as the hosts of a TPU pod.

  Raises:
    ValueError: If only some of the first three are given.
  """
  explicit = (coordinator, process_count, process_id)
  if None not in explicit:
    jax.distributed.initialize(*explicit)
  elif any(value is not None for value in explicit):
    raise ValueError(
      "--coordinator, --process_count and --process_id belong together: give "
      "all three or none."
    )
  elif in_cluster or _has_several_tasks():
    jax.distributed.initialize()


def _has_several_tasks() -> bool:
  tasks = (
    os.environ.get(name, "1")
    for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
  )
  return any(count.isdigit() and int(count) > 1 for count in tasks)
