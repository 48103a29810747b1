"""Encoder of many views that moves no rows between devices."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax import lora
from suncet_jax.devices.mesh import over_rows
from suncet_jax.methods.base import Rows
from suncet_jax.models import Model, Outputs
from suncet_jax.models.model import by_name


def pack(arrays: Sequence[Any], device_count: int) -> Any:
  """Concatenates the rows of arrays that are spread over devices.

  Every device concatenates its own rows, so that none has to move; the order
  of rows is not that of a plain concatenation.

  Args:
    arrays: Arrays [n_i, ...], or trees of such arrays with equal row counts;
      each n_i divisible by `device_count`.
    device_count: Number of devices that the rows are spread over.

  Returns:
    Array [sum of n_i, ...], spread over the devices in the same way.
  """

  def packed(*leaves: Any) -> jax.Array:
    blocks = [a.reshape(device_count, -1, *a.shape[1:]) for a in leaves]
    joined = jnp.concatenate(blocks, axis=1)
    return joined.reshape(-1, *joined.shape[2:])

  return jax.tree.map(packed, *arrays)


def unpack(packed: Any, counts: Sequence[int], device_count: int) -> list[Any]:
  """Splits the result of `pack` into arrays, or trees, of `counts` rows."""
  ends, parts = 0, []
  for count in counts:
    own = count // device_count

    def rows(leaf: jax.Array, start: int = ends, own: int = own) -> jax.Array:
      blocks = leaf.reshape(device_count, -1, *leaf.shape[1:])
      return blocks[:, start : start + own].reshape(-1, *leaf.shape[1:])

    parts.append(jax.tree.map(rows, packed))
    ends += own
  return parts


class ViewEncoder:
  """Encoder of many views; see `methods.base.Encode`."""

  def __init__(
    self, model: Model, mesh: jax.sharding.Mesh, *, micro_batches: int = 1
  ) -> None:
    """Stores the model.

    Args:
      model: Model that encodes one array of images.
      mesh: Mesh of devices that the rows of each view are spread over.
      micro_batches: Number of parts to encode in turn; see `in_parts`.
    """
    self._model, self._mesh = model, mesh
    self._encode = self._at_once
    if micro_batches > 1:
      self._encode = in_parts(self._at_once, micro_batches)

  def __call__(
    self,
    params: Any,
    batch_stats: Any,
    views: Sequence[Rows],
    *,
    train: bool = True,
    key: jax.Array | None = None,
  ) -> tuple[list[Outputs], Any]:
    """Encodes views; see `methods.base.Encode`."""
    # Here, so that a teacher's adapters are added as well.
    params = lora.whole(params)
    return self._encode(params, batch_stats, views, train=train, key=key)

  def join(self, arrays: Sequence[Any]) -> Any:
    """Concatenates rows of views; see `pack`."""
    return pack(arrays, self._mesh.size)

  def over_rows(
    self, loss: Callable[..., jax.Array]
  ) -> Callable[..., jax.Array]:
    """Wraps a loss of `suncet_jax.losses`; see `devices.mesh.over_rows`."""
    return over_rows(self._mesh, loss)

  def _at_once(
    self,
    params: Any,
    batch_stats: Any,
    views: Sequence[Rows],
    *,
    train: bool,
    key: jax.Array | None,
  ) -> tuple[list[Outputs], Any]:
    """Encodes size by size, then applies the heads that see all sizes."""
    model, devices = self._model, self._mesh.size
    late = model.over_all_views
    early = [name for name in model.heads if name not in late]
    outputs: list[Outputs] = [{}] * len(views)
    for number, members in enumerate(_by_shape(views)):
      pass_key = None if key is None else jax.random.fold_in(key, number)
      made, new = model.apply_backbone(
        params["backbone"],
        batch_stats["backbone"],
        pack([views[i] for i in members], devices),
        train=train,
        key=pass_key,
      )
      together, batch_stats = model.apply_heads(
        params,
        {**batch_stats, "backbone": new},
        by_name(made),
        early,
        train=train,
        key=pass_key,
      )
      counts = [_row_count(views[i]) for i in members]
      for i, part in zip(
        members, unpack(together, counts, devices), strict=True
      ):
        outputs[i] = part
    if late:
      counts = [_row_count(view) for view in views]
      together, batch_stats = model.apply_heads(
        params, batch_stats, pack(outputs, devices), late, train=train, key=key
      )
      outputs = unpack(together, counts, devices)
    return outputs, batch_stats


def in_parts(encode: Callable[..., Any], count: int) -> Callable[..., Any]:
  """Encodes the rows of a batch in parts, one after the other, to save memory.

  Only images and outputs of a part are kept; its gradient computes it again.
  So a loss sees the outputs of all rows, which summing gradients of small
  batches cannot reproduce, and the gradient is that of the whole batch (Gao et
  al. 2021, arXiv 2101.06983; their cache of gradients is `jax.checkpoint`
  here).

  Each part has its own batch-norm statistics; common ones would need every
  activation in memory. The running statistics are the mean over parts: they
  move by one step, not by `count`.

  Args:
    encode: Function that encodes a part.
    count: Number of parts; row i is in part i % count, so that every device
      works on each of them. It must divide the rows of a view on each device.
  """

  def split(rows: jax.Array) -> jax.Array:
    return rows.reshape(-1, count, *rows.shape[1:]).swapaxes(0, 1)

  def join(parts: jax.Array) -> jax.Array:
    return parts.swapaxes(0, 1).reshape(-1, *parts.shape[2:])

  def encode_parts(
    params: Any,
    batch_stats: Any,
    views: Sequence[Rows],
    *,
    train: bool = True,
    key: jax.Array | None = None,
  ) -> tuple[list[Outputs], Any]:
    @jax.checkpoint
    def part(rows: tuple[Any, Any]) -> tuple[list[Outputs], Any]:
      views_of_part, part_key = rows
      return encode(
        params, batch_stats, views_of_part, train=train, key=part_key
      )

    keys = None if key is None else jax.random.split(key, count)
    parts = jax.tree.map(split, list(views)), keys
    outputs, stats = jax.lax.map(part, parts)
    if not train:  # the running statistics have not changed
      return jax.tree.map(join, outputs), batch_stats
    return jax.tree.map(join, outputs), jax.tree.map(
      lambda x: jnp.mean(x, axis=0), stats
    )

  return encode_parts


def _by_shape(views: Sequence[Rows]) -> list[list[int]]:
  """Groups the positions of views of one shape, which share a pass."""
  groups: dict[Any, list[int]] = {}
  for position, view in enumerate(views):
    shape = tuple(leaf.shape[1:] for leaf in jax.tree.leaves(view))
    groups.setdefault(shape, []).append(position)
  return list(groups.values())


def _row_count(view: Rows) -> int:
  return jax.tree.leaves(view)[0].shape[0]
