"""The device mesh, of one axis, and the placement of arrays on it."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from suncet_jax.console.words import counted
from suncet_jax.errors import UserError

DATA_AXIS = "data"


def make_mesh() -> Mesh:
  """Returns the mesh of all devices of all processes: one axis, "data"."""
  # Auto: the compiler partitions all that it can.
  return jax.make_mesh(
    (jax.device_count(),), (DATA_AXIS,), axis_types=(AxisType.Auto,)
  )


def replicated(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of an array that is whole on every device."""
  return NamedSharding(mesh, PartitionSpec())


def by_rows(mesh: Mesh) -> NamedSharding:
  """Returns the sharding of an array whose rows are spread over devices."""
  return NamedSharding(mesh, PartitionSpec(DATA_AXIS))


def template(tree: Any, sharding: NamedSharding) -> Any:
  """Returns shapes and dtypes of a pytree's leaves with a sharding.

  Args:
    tree: Pytree of arrays or `jax.ShapeDtypeStruct`.
    sharding: Sharding of all leaves.
  """
  return jax.tree.map(
    lambda leaf: jax.ShapeDtypeStruct(
      leaf.shape, leaf.dtype, sharding=sharding
    ),
    tree,
  )


def check_divisible(
  mesh: Mesh, micro_batches: int = 1, **row_counts: int
) -> None:
  """Checks that rows can be spread evenly over the devices.

  Args:
    mesh: Mesh of the devices.
    micro_batches: Number of parts in which each device processes its rows.
    **row_counts: Rows per step, by the name of the setting.

  Raises:
    ValueError: If they cannot; the message names the setting, both numbers and
      the nearest valid sizes.
  """
  unit = mesh.size * micro_batches
  devices = counted(mesh.size, "device")
  parts = f" in {micro_batches} micro-batches" if micro_batches > 1 else ""
  for name, count in row_counts.items():
    if count % unit:
      below = count // unit * unit
      near = [n for n in (below, below + unit) if n]
      raise UserError(
        f"{name} is {count}, which {devices} cannot share evenly"
        f"{parts}. Nearest valid: {' or '.join(map(str, near))}."
      )


class RowPlacement:
  """Spreads rows on the host over the devices of all processes.

  Attributes:
    count: Number of global rows.
    rows: Global rows that this process must provide, int64, ascending.
  """

  def __init__(self, mesh: Mesh, count: int) -> None:
    """Determines the rows of this process.

    Args:
      mesh: Mesh of the devices.
      count: Number of global rows.
    """
    self._sharding = by_rows(mesh)
    self.count = count
    mine = self._sharding.addressable_devices_indices_map((count,))
    starts = sorted(_bounds(index, count) for index in mine.values())
    self.rows = np.concatenate([np.arange(*bounds) for bounds in starts])
    self._offset = {
      start: int(np.searchsorted(self.rows, start)) for start, _ in starts
    }

  def put(self, local: Any) -> Any:
    """Makes global arrays [count, ...] from this process's rows.

    Args:
      local: Array, or a tree of arrays, rows first.
    """
    return jax.tree.map(self._put, local)

  def _put(self, local: np.ndarray) -> jax.Array:
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
  """Wraps a loss of row arrays that does its own collectives.

  Args:
    mesh: Mesh of the devices that the rows are spread over.
    loss: Loss of arrays split by rows, and `axis_name`; returns a scalar that
      is the same on all devices.

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
