"""Several arrays of rows as one, without moving rows between devices."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax.methods.base import Encode
from suncet_jax.models import Model, Outputs


def pack(arrays: Sequence[Any], device_count: int) -> jax.Array:
  """Concatenates the rows of arrays that are spread over devices.

  A plain concatenation would put all of the first array before the second, so
  that nearly every row had to move to another device. Here every device
  concatenates its own rows; nothing that follows cares about their order.

  Args:
    arrays: [n_i, ...]; each n_i divisible by `device_count`.
    device_count: Devices that each array's rows are spread over.

  Returns:
    [sum of n_i, ...], spread over the devices in the same way.
  """
  blocks = [a.reshape(device_count, -1, *a.shape[1:]) for a in arrays]
  packed = jnp.concatenate(blocks, axis=1)
  return packed.reshape(-1, *packed.shape[2:])


def unpack(
  packed: jax.Array, counts: Sequence[int], device_count: int
) -> list[jax.Array]:
  """Undoes `pack`: splits into arrays of `counts` rows."""
  blocks = packed.reshape(device_count, -1, *packed.shape[1:])
  ends, parts = 0, []
  for count in counts:
    rows = blocks[:, ends : ends + count // device_count]
    parts.append(rows.reshape(count, *packed.shape[1:]))
    ends += count // device_count
  return parts


def make_encode(model: Model, device_count: int) -> Encode:
  """Returns the encoder of many views, in training mode.

  Views of one size share a forward pass, so that batch norm sees them
  together; each further size is a pass of its own with its own statistics, and
  the running statistics go through the passes in turn.
  """

  def encode(
    params: Any, batch_stats: Any, views: Sequence[jax.Array]
  ) -> tuple[list[Outputs], Any]:
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, view in enumerate(views):
      by_shape.setdefault(view.shape[1:], []).append(position)
    outputs: dict[int, Outputs] = {}
    for members in by_shape.values():
      group = [views[i] for i in members]
      together, batch_stats = model.apply(
        params, batch_stats, pack(group, device_count), train=True
      )
      counts = [view.shape[0] for view in group]
      features = unpack(together.features, counts, device_count)
      projections = unpack(together.projection, counts, device_count)
      for position, *part in zip(members, features, projections, strict=True):
        outputs[position] = Outputs(*part)
    return [outputs[i] for i in range(len(views))], batch_stats

  return encode
