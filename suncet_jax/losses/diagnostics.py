"""What the geometry of the embeddings says about the training."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses import _checks
from suncet_jax.losses._partition import everywhere, maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._row_blocks import block_count, map_blocks, pad
from suncet_jax.losses._similarity import (
  AxisName,
  interleave,
  l2_normalize,
  multiply,
  positions_of,
)
from suncet_jax.losses._tile import Request, Scale, compare

_Tree = TypeVar("_Tree")


@maps_explicit_rows
def contrastive_accuracy(
  first: ArrayLike, second: ArrayLike, *, axis_name: AxisName | None = None
) -> jax.Array:
  """Returns how often an anchor's nearest key is its image's other view.

  Both views are anchors; keys are all rows of both views on all devices but
  the anchor itself. Another key at the same distance makes it a miss, so that
  collapsed embeddings score 0.

  Args:
    first: `[n, d]`, floating; rows need no normalisation.
    second: `[n, d]`, floating; row i is another view of row i of `first`.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      keys then come from all its devices. None elsewhere.

  Returns:
    Scalar in [0, 1], a fraction of the anchors of all devices and the same on
    all of them: float32, or float64 for float64 embeddings. It has no
    gradient.

  Raises:
    TypeError: embeddings are not floating.
    ValueError: wrong or unequal shapes.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> float(losses.contrastive_accuracy(jnp.eye(4), jnp.eye(4)))
    1.0
  """
  first, second = _checks.checked_pair(first, second)
  units = l2_normalize(interleave(first, second))
  rows = _views(units, positions_of(units.shape[0], axis_name))
  all_units = everywhere(units, axis_name)
  keys = _views(all_units, jnp.arange(all_units.shape[0]))
  scale = Scale(
    inverse_temperature=jnp.ones((), units.dtype),
    is_bounded=True,
    matmul_dtype=None,
  )

  def of_block(block: Request) -> jax.Array:
    tile = compare(block, keys, scale, each_pair_once=False)
    return _is_hit(*tile).astype(units.dtype)

  is_hit = _map_rows(of_block, rows, keys.labels.size)
  return mean_over_anchors(is_hit, rows.is_row, axis_name)


def _views(units: jax.Array, positions: jax.Array) -> Request:
  """Returns rows labelled by image."""
  return Request(units, positions // 2, positions >= 0, positions)


def _is_hit(
  cosines: jax.Array, is_key: jax.Array, is_positive: jax.Array
) -> jax.Array:
  """Returns `[n]`: whether the positive is nearer than all negatives."""
  other_view = jnp.max(cosines, axis=1, where=is_positive, initial=-jnp.inf)
  nearest_negative = jnp.max(
    cosines, axis=1, where=is_key & ~is_positive, initial=-jnp.inf
  )
  return other_view > nearest_negative


@maps_explicit_rows
def alignment(
  first: ArrayLike, second: ArrayLike, *, axis_name: AxisName | None = None
) -> jax.Array:
  r"""Returns the alignment: the mean squared distance of two views.

  .. math::
    \frac{1}{n} \sum_i \lVert u_i - v_i \rVert^2

  for L2-normalised rows; 0 when the views agree, 2 when they are unrelated.

  Args:
    first: `[n, d]`, floating; rows need no normalisation.
    second: `[n, d]`, floating; row i is another view of row i of `first`.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      the mean is then over all its devices. None elsewhere.

  Returns:
    Scalar in [0, 4], the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: embeddings are not floating.
    ValueError: wrong or unequal shapes.

  Note:
    Gradients, if it is used as a loss: under `jax.jit` there is nothing to do.
    Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the gradients
    of the parameters, never `psum`.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.eye(4)
    >>> round(float(losses.alignment(rows, rows[::-1])), 3)
    2.0

  References:
    Wang and Isola, `Understanding Contrastive Representation Learning through
    Alignment and Uniformity on the Hypersphere
    <https://arxiv.org/abs/2005.10242>`_, 2020: alignment with exponent 2.
  """
  first, second = _checks.checked_pair(first, second)
  difference = l2_normalize(first) - l2_normalize(second)
  distances = jnp.sum(jnp.square(difference), axis=1)
  is_valid = jnp.ones_like(distances, dtype=bool)
  return mean_over_anchors(distances, is_valid, axis_name)


@maps_explicit_rows
def uniformity(
  embeddings: ArrayLike,
  *,
  axis_name: AxisName | None = None,
  t: ArrayLike = 2.0,
) -> jax.Array:
  r"""Returns the uniformity: how evenly the rows cover the sphere.

  .. math::
    \log \frac{1}{m (m - 1)} \sum_{i \neq j} e^{-t \lVert u_i - u_j \rVert^2}

  for L2-normalised rows; 0 when all rows agree, the lower the more even.

  Args:
    embeddings: `[n, d]`, floating; rows need no normalisation.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      pairs are then formed over all its devices. None elsewhere.
    t: scalar > 0, the inverse squared width of the kernel.

  Returns:
    Scalar in [-4 t, 0], in nats, the same on all devices: float32, or float64
    for float64 embeddings.

  Raises:
    TypeError: embeddings are not floating.
    ValueError: the rank is not 2, or there are fewer than two rows.

  Note:
    Gradients, if it is used as a loss: under `jax.jit` there is nothing to do.
    Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the gradients
    of the parameters, never `psum`.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> round(float(losses.uniformity(jnp.eye(4))), 3)
    -4.0

  References:
    Wang and Isola, `Understanding Contrastive Representation Learning through
    Alignment and Uniformity on the Hypersphere
    <https://arxiv.org/abs/2005.10242>`_, 2020: uniformity.
  """
  rows = l2_normalize(_checks.checked_embeddings("embeddings", embeddings))
  n, keys = rows.shape[0], everywhere(rows, axis_name)
  m = keys.shape[0]
  if m < 2:
    raise ValueError(
      f"uniformity needs at least 2 rows over all devices, got {m}."
    )

  def of_block(block: tuple[jax.Array, jax.Array]) -> jax.Array:
    units, positions = block
    is_pair = positions[:, None] != jnp.arange(m)[None, :]
    exponents = -jnp.asarray(t, rows.dtype) * _squared_distances(units, keys)
    return jnp.sum(jnp.where(is_pair, jnp.exp(exponents), 0), axis=1) / (m - 1)

  means = _map_rows(of_block, (rows, positions_of(n, axis_name)), m)
  is_valid = jnp.ones_like(means, dtype=bool)
  return jnp.log(mean_over_anchors(means, is_valid, axis_name))


def _map_rows(
  function: Callable[[_Tree], jax.Array], rows: _Tree, m: int
) -> jax.Array:
  """Applies a function to blocks of anchors, each with m keys.

  Args:
    function: of arrays `[b, ...]`; returns `[b]`. To differentiate, every block
      is computed a second time, so that no matrix is kept.
    rows: arrays `[n, ...]`.
    m: number of keys.

  Returns:
    `[n]`.
  """
  n = jax.tree.leaves(rows)[0].shape[0]
  blocks = block_count(n, m)
  rows = pad(rows, -n % blocks)
  if blocks > 1:
    function = jax.checkpoint(function)
  return map_blocks(function, rows, blocks)[:n]


def _squared_distances(rows: jax.Array, keys: jax.Array) -> jax.Array:
  """Returns `[n, m]` squared distances of rows `[n, d]` and keys `[m, d]`."""
  row_norms = jnp.sum(jnp.square(rows), axis=1)[:, None]
  key_norms = jnp.sum(jnp.square(keys), axis=1)[None, :]
  products = multiply(rows, keys, (1, 1), dtype=rows.dtype)
  # Rounding may go below 0.
  return jnp.maximum(row_norms + key_norms - 2 * products, 0)
