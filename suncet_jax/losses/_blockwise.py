"""The mean of anchors' values without a matrix of all similarities.

Two sweeps over tiles of the similarity matrix. The first computes each anchor's
log-sum-exp; the second computes the tiles again, and the gradient from them. As
the loss is a scalar, its whole derivative is that gradient: differentiating
takes [n, d] memory and works in forward mode, too, but only once.
"""

import functools
from typing import Any, NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from suncet_jax.losses import _row_blocks, _tile, _triangle
from suncet_jax.losses._partition import (
  all_rows,
  device_count,
  everywhere,
  replicate,
)
from suncet_jax.losses._quantities import Positives, Request, Scale, Statistics
from suncet_jax.losses._reduce import count_positives, mean_over_anchors
from suncet_jax.losses._row_blocks import pad
from suncet_jax.losses._similarity import (
  AxisName,
  axis_size,
  own_rows,
  positions_of,
)

_Tree = TypeVar("_Tree")
# (values [n], mask [n] of the anchors), and the gradient of the mean value.
_Result: TypeAlias = tuple[tuple[jax.Array, jax.Array], jax.Array | None]

# Rows and columns of a tile on one device: small enough for a cache, large
# enough that starting a product costs little beside the product.
_TILE_ROWS = 1024


class Options(NamedTuple):
  """Static options of a loss, known while it is traced.

  Attributes:
    positives: Term of the positives.
    axis_name: Mapped axis that rows are spread over.
    stop_gradient_keys: Whether rows have no gradient as keys.
    block_size: Rows in a block; None chooses.
    matmul_dtype: Dtype of the operands of products; None keeps theirs.
    is_bounded: See `Scale`.
  """

  positives: Positives
  axis_name: AxisName | None
  stop_gradient_keys: bool
  block_size: int | None
  matmul_dtype: DTypeLike | None
  is_bounded: bool


def mean_value(
  units: jax.Array,
  labels: jax.Array,
  temperature: jax.Array,
  options: Options,
) -> jax.Array:
  """Averages log-sum-exp over keys, less the positives' term, over anchors.

  Args:
    units: Embeddings [n, d], n > 0, float32 or float64, rows no longer than 1.
    labels: Integer labels [n]; negative: neither anchor nor key.
    temperature: Temperature, a scalar > 0 in the dtype of the units.
    options: Options of the loss.

  Returns:
    Scalar in the dtype of the units, the same on all devices. It has a first
    derivative with respect to units and temperature, but no second one.
  """
  return _mean_value(options, units, labels, temperature)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean_value(options: Options, *arrays: jax.Array) -> jax.Array:
  values, _ = _evaluate(options, *arrays, with_gradient=False)
  return mean_over_anchors(*values, options.axis_name)


@_mean_value.defjvp
def _differentiate(
  options: Options, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
  units, labels, temperature = primals
  units, temperature = _differentiable_once((units, temperature))
  d_units, _, d_temperature = tangents
  (values, is_anchor), gradient = _evaluate(
    options, units, labels, temperature, with_gradient=True
  )
  # Logits are bilinear in anchors and keys. The gradient's product with the
  # units themselves is therefore the derivative by log(1 / temperature), once
  # through the anchors and once through the keys.
  sides = 1 if options.stop_gradient_keys else 2
  along_units = jnp.sum(gradient * units) / sides
  tangent = jnp.sum(gradient * d_units)
  tangent -= along_units / temperature * d_temperature
  if options.axis_name is not None:
    tangent = jax.lax.psum(tangent, options.axis_name)
  return mean_over_anchors(values, is_anchor, options.axis_name), tangent


@jax.custom_jvp
def _differentiable_once(tree: _Tree) -> _Tree:
  """Returns its argument; raises if it is differentiated."""
  return tree


@_differentiable_once.defjvp
def _refuse(
  primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
  del primals, tangents
  raise TypeError(
    "The blockwise losses of suncet_jax have first derivatives only, got a "
    "second one; block_size=0 takes the materialised form, which has all."
  )


def _evaluate(
  options: Options,
  units: jax.Array,
  labels: jax.Array,
  temperature: jax.Array,
  *,
  with_gradient: bool,
) -> _Result:
  scale = Scale(1 / temperature, options.is_bounded, options.matmul_dtype)
  if options.matmul_dtype is not None:
    units = units.astype(options.matmul_dtype)
  positions = positions_of(labels.size, options.axis_name)
  rows = Request(units, labels, labels >= 0, positions)
  on_one, on_many = (
    functools.partial(form, options, scale, with_gradient)
    for form in (_on_one_device, _on_many_devices)
  )
  if axis_size(options.axis_name) > 1:
    return on_many(rows)
  return jax.lax.cond(device_count() == 1, on_one, on_many, rows)


def _on_one_device(
  options: Options,
  scale: Scale,
  with_gradient: bool,
  rows: Request,
) -> _Result:
  n = rows.labels.size
  block = _even_block(n, options.block_size)
  counts = _counts(options, rows)
  rows, counts = pad((rows, counts), -n % block)
  sums = _triangle.sums(rows, scale, options.positives, block)
  values, statistics = _tile.values_and_statistics(
    sums, counts, options.positives
  )
  is_anchor = counts > 0
  gradient = None
  if with_gradient:
    total = _triangle.gradient(
      rows,
      statistics,
      scale,
      options.positives,
      block,
      through_keys=not options.stop_gradient_keys,
    )
    gradient = _per_anchor(total[:n], is_anchor)
  return (values[:n], is_anchor[:n]), gradient


def _on_many_devices(
  options: Options,
  scale: Scale,
  with_gradient: bool,
  rows: Request,
) -> _Result:
  n = rows.labels.size
  keys = all_rows(rows, options.positives, options.axis_name)
  blocks = _row_blocks.block_count(n, keys.labels.size, options.block_size)
  all_counts = _counts(options, keys)
  if options.axis_name is None:
    all_counts = replicate(all_counts)
  counts = own_rows(all_counts, n, options.axis_name)
  anchors, counts = pad((rows, counts), -n % blocks)
  sums = _row_blocks.sums(anchors, keys, scale, options.positives, blocks)
  values, statistics = _tile.values_and_statistics(
    sums, counts, options.positives
  )
  is_anchor = counts > 0
  gradient = None
  if with_gradient:
    total = _row_blocks.gradient(
      (anchors, statistics),
      (keys, _all_statistics(options, statistics, n)),
      scale,
      options.positives,
      blocks,
      through_keys=not options.stop_gradient_keys,
    )
    gradient = _per_anchor(total[:n], all_counts > 0)
  return (values[:n], is_anchor[:n]), gradient


def _all_statistics(
  options: Options, statistics: Statistics, n: int
) -> Statistics:
  """Returns the statistics of the rows of all devices, without padding."""
  if options.positives is Positives.PAIR:  # each anchor has one positive
    over_keys = everywhere(statistics.over_keys[:n], options.axis_name)
    return Statistics(over_keys, jnp.zeros_like(over_keys))
  together = jnp.stack(statistics, axis=1)[:n]
  return Statistics(*everywhere(together, options.axis_name).T)


def _counts(options: Options, rows: Request) -> jax.Array:
  """Returns the number of positives of each row; 0 makes it no anchor."""
  if options.positives is Positives.PAIR:
    return rows.is_row.astype(jnp.int32)
  return count_positives(rows.labels)


def _per_anchor(total: jax.Array, is_anchor: jax.Array) -> jax.Array:
  """Divides a total by the number of anchors."""
  return total / jnp.maximum(jnp.sum(is_anchor), 1).astype(total.dtype)


def _even_block(n: int, block_size: int | None) -> int:
  """Returns the size of blocks of about the same size."""
  # At least four blocks, as half of each tile on the diagonal is not used.
  largest = block_size or min(_TILE_ROWS, -(-n // 4))
  blocks = -(-n // largest)
  return -(-n // blocks)
