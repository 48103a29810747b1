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


def make_encode(
  model: Model, device_count: int, *, micro_batches: int = 1
) -> Encode:
  """Returns the encoder of many views, in training mode.

  Views of one size share a forward pass, so that batch norm sees them
  together; each further size is a pass of its own with its own statistics, and
  the running statistics go through the passes in turn.

  Args:
    model: The encoder of one array of images.
    device_count: Devices that the rows of each view are spread over.
    micro_batches: Parts that the rows pass the network in; see `in_parts`.
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

  return in_parts(encode, micro_batches) if micro_batches > 1 else encode


def in_parts(encode: Encode, count: int) -> Encode:
  """Encodes the rows of a batch in parts, one after the other, to save memory.

  Only images and outputs are kept of a part; its gradient computes it again.
  So a loss sees the outputs of ALL rows, as no sum of gradients of small
  batches can have it, and the gradient is that of the whole batch (Gao et al.
  2021, arXiv 2101.06983, whose cache of gradients is what JAX does here).

  Each part has batch-norm statistics of its own, which no order of computing
  could avoid without keeping every activation. The running ones are the mean
  over parts: they move by one step, not by `count`.

  Args:
    encode: Encodes a part.
    count: Number of parts; row i is in part i % count, so that every device
      works on each of them. It must divide the rows of a view on each device.
  """

  def split(rows: jax.Array) -> jax.Array:
    return rows.reshape(-1, count, *rows.shape[1:]).swapaxes(0, 1)

  def join(parts: jax.Array) -> jax.Array:
    return parts.swapaxes(0, 1).reshape(-1, *parts.shape[2:])

  def encode_parts(
    params: Any, batch_stats: Any, views: Sequence[jax.Array]
  ) -> tuple[list[Outputs], Any]:
    @jax.checkpoint
    def part(rows: list[jax.Array]) -> tuple[list[Outputs], Any]:
      return encode(params, batch_stats, rows)

    outputs, stats = jax.lax.map(part, [split(view) for view in views])
    return jax.tree.map(join, outputs), jax.tree.map(
      lambda x: jnp.mean(x, axis=0), stats
    )

  return encode_parts
