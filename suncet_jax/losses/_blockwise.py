"""The mean of anchors' values without a matrix of all similarities.

Two sweeps over tiles of the similarity matrix. The first leaves each anchor's
log-sum-exp; the second makes the tiles again and the gradient of them. As the
loss is a scalar, its whole derivative is that gradient: differentiating costs
`[n, d]` memory and works in forward mode, too, but only once.
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
from suncet_jax.losses._reduce import count_positives, mean_over_anchors
from suncet_jax.losses._row_blocks import pad
from suncet_jax.losses._similarity import (
  AxisName,
  axis_size,
  own_rows,
  positions_of,
)
from suncet_jax.losses._tile import Positives, Request, Scale, Statistics

_Tree = TypeVar("_Tree")
# ([n] values, [n] whether it is an anchor), and the gradient of their mean.
_Result: TypeAlias = tuple[tuple[jax.Array, jax.Array], jax.Array | None]

# Rows and columns of a tile on one device: small enough for a cache, large
# enough for a product to be worth its start.
_TILE_ROWS = 1024


class Options(NamedTuple):
  """What is known of a loss while it is traced.

  Attributes:
    positives: what an anchor's positives give.
    axis_name: the mapped axis that rows are spread over.
    stop_gradient_keys: whether rows have no gradient as keys.
    block_size: rows of a block; None chooses.
    matmul_dtype: of the operands of products; None for their own.
    is_bounded: see `Scale`.
  """

  positives: Positives
  axis_name: AxisName | None
  stop_gradient_keys: bool
  block_size: int | None
  matmul_dtype: DTypeLike | None
  is_bounded: bool


@functools.partial(jax.jit, static_argnames="plan")
def mean_value(
  units: jax.Array,
  labels: jax.Array,
  temperature: jax.Array,
  plan: Options,
) -> jax.Array:
  """Averages log-sum-exp over keys, less what positives give, over anchors.

  Args:
    units: `[n, d]`, n > 0, float32 or float64, rows no longer than 1.
    labels: `[n]`, integer, negative = neither anchor nor key.
    temperature: scalar > 0, of the dtype of the units.
    plan: all else.

  Returns:
    Scalar of that dtype, the same on all devices. It has a first derivative
    with respect to units and temperature, and no second one.
  """
  return _mean_value(plan, units, labels, temperature)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean_value(plan: Options, *arrays: jax.Array) -> jax.Array:
  values, _ = _evaluate(plan, *arrays, with_gradient=False)
  return mean_over_anchors(*values, plan.axis_name)


@_mean_value.defjvp
def _differentiate(
  plan: Options, primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[jax.Array, jax.Array]:
  units, labels, temperature = primals
  units, temperature = _differentiable_once((units, temperature))
  d_units, _, d_temperature = tangents
  (values, is_anchor), gradient = _evaluate(
    plan, units, labels, temperature, with_gradient=True
  )
  # Logits are bilinear in anchors and keys: along the units themselves the
  # gradient is the derivative by log(1 / temperature), once for each of both.
  sides = 1 if plan.stop_gradient_keys else 2
  along_units = jnp.sum(gradient * units) / sides
  tangent = jnp.sum(gradient * d_units)
  tangent -= along_units / temperature * d_temperature
  if plan.axis_name is not None:
    tangent = jax.lax.psum(tangent, plan.axis_name)
  return mean_over_anchors(values, is_anchor, plan.axis_name), tangent


@jax.custom_jvp
def _differentiable_once(tree: _Tree) -> _Tree:
  """Returns its argument, and refuses to be differentiated."""
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
  plan: Options,
  units: jax.Array,
  labels: jax.Array,
  temperature: jax.Array,
  *,
  with_gradient: bool,
) -> _Result:
  scale = Scale(1 / temperature, plan.is_bounded, plan.matmul_dtype)
  if plan.matmul_dtype is not None:
    units = units.astype(plan.matmul_dtype)
  positions = positions_of(labels.size, plan.axis_name)
  rows = Request(units, labels, labels >= 0, positions)
  on_one, on_many = (
    functools.partial(form, plan, scale, with_gradient)
    for form in (_on_one_device, _on_many_devices)
  )
  if axis_size(plan.axis_name) > 1:
    return on_many(rows)
  return jax.lax.cond(device_count() == 1, on_one, on_many, rows)


def _on_one_device(
  plan: Options,
  scale: Scale,
  with_gradient: bool,
  rows: Request,
) -> _Result:
  n = rows.labels.size
  block = _even_block(n, plan.block_size)
  counts = _counts(plan, rows)
  rows, counts = pad((rows, counts), -n % block)
  sums = _triangle.sums(rows, scale, plan.positives, block)
  values, statistics = _tile.finish(sums, counts, plan.positives)
  is_anchor = counts > 0
  gradient = None
  if with_gradient:
    total = _triangle.gradient(
      rows,
      statistics,
      scale,
      plan.positives,
      block,
      through_keys=not plan.stop_gradient_keys,
    )
    gradient = _per_anchor(total[:n], is_anchor)
  return (values[:n], is_anchor[:n]), gradient


def _on_many_devices(
  plan: Options,
  scale: Scale,
  with_gradient: bool,
  rows: Request,
) -> _Result:
  n = rows.labels.size
  keys = all_rows(rows, plan.positives, plan.axis_name)
  blocks = _row_blocks.block_count(n, keys.labels.size, plan.block_size)
  all_counts = _counts(plan, keys)
  if plan.axis_name is None:
    all_counts = replicate(all_counts)
  counts = own_rows(all_counts, n, plan.axis_name)
  anchors, counts = pad((rows, counts), -n % blocks)
  sums = _row_blocks.sums(anchors, keys, scale, plan.positives, blocks)
  values, statistics = _tile.finish(sums, counts, plan.positives)
  is_anchor = counts > 0
  gradient = None
  if with_gradient:
    total = _row_blocks.gradient(
      (anchors, statistics),
      (keys, _all_statistics(plan, statistics, n)),
      scale,
      plan.positives,
      blocks,
      through_keys=not plan.stop_gradient_keys,
    )
    gradient = _per_anchor(total[:n], all_counts > 0)
  return (values[:n], is_anchor[:n]), gradient


def _all_statistics(
  plan: Options, statistics: Statistics, n: int
) -> Statistics:
  """Returns the statistics of the rows of all devices, without padding."""
  if plan.positives == "pair":  # all are anchors with one positive
    over_keys = everywhere(statistics.over_keys[:n], plan.axis_name)
    return Statistics(over_keys, jnp.zeros_like(over_keys))
  together = jnp.stack(statistics, axis=1)[:n]
  return Statistics(*everywhere(together, plan.axis_name).T)


def _counts(plan: Options, rows: Request) -> jax.Array:
  """Returns how many positives each row has: 0 makes it no anchor."""
  if plan.positives == "pair":
    return rows.is_row.astype(jnp.int32)
  return count_positives(rows.labels)


def _per_anchor(total: jax.Array, is_anchor: jax.Array) -> jax.Array:
  """Divides by the number of anchors."""
  return total / jnp.maximum(jnp.sum(is_anchor), 1).astype(total.dtype)


def _even_block(n: int, block_size: int | None) -> int:
  """Returns the size of blocks of about the same size."""
  # At least four, as tiles on the diagonal are half in vain.
  largest = block_size or min(_TILE_ROWS, -(-n // 4))
  blocks = -(-n // largest)
  return -(-n // blocks)
