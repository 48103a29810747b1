"""Diagnostics of training, computed from the geometry of the embeddings."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _options
from suncet_jax.losses._partition import everywhere, maps_explicit_rows
from suncet_jax.losses._quantities import Request, Scale
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._row_blocks import map_rows
from suncet_jax.losses._similarity import (
  AxisName,
  interleave,
  l2_normalize,
  multiply,
  positions_of,
)
from suncet_jax.losses._tile import similarity_tile


@explained("losses")
def contrastive_accuracy(
  first: ArrayLike, second: ArrayLike, *, axis_name: AxisName | None = None
) -> jax.Array:
  """Returns the fraction of anchors whose nearest key is the other view.

  Both views are anchors; the keys of an anchor are all other rows of both views
  on all devices. A tie counts as a miss, so that collapsed embeddings score 0.

  Args:
    first: Floating embeddings [n, d]; rows need no normalisation.
    second: Floating embeddings [n, d]; row i is another view of row i of
      `first`.
    axis_name: Name of the mapped axis inside `jax.shard_map` or `jax.pmap`,
      whose devices all contribute keys; None elsewhere.

  Returns:
    Scalar in [0, 1] over the anchors of all devices, the same on all of them:
    float32, or float64 for float64 embeddings. It has no gradient.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes are wrong or unequal.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> float(losses.contrastive_accuracy(jnp.eye(4), jnp.eye(4)))
    1.0
  """
  first, second = _checks.checked_pair("contrastive_accuracy", first, second)
  _options.check_axis("contrastive_accuracy", axis_name)
  return _contrastive_accuracy(first, second, axis_name=axis_name)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _contrastive_accuracy(
  first: jax.Array, second: jax.Array, *, axis_name: AxisName | None
) -> jax.Array:
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
    tile = similarity_tile(block, keys, scale, each_pair_once=False)
    return _is_hit(*tile).astype(units.dtype)

  is_hit = map_rows(of_block, rows, keys.labels.size)
  return mean_over_anchors(is_hit, rows.is_row, axis_name)


def _views(units: jax.Array, positions: jax.Array) -> Request:
  """Returns the rows of both views, labelled by image."""
  return Request(units, positions // 2, positions >= 0, positions)


def _is_hit(
  cosines: jax.Array, is_key: jax.Array, is_positive: jax.Array
) -> jax.Array:
  """Returns a mask [n]: whether the positive is nearer than all negatives."""
  other_view = jnp.max(cosines, axis=1, where=is_positive, initial=-jnp.inf)
  nearest_negative = jnp.max(
    cosines, axis=1, where=is_key & ~is_positive, initial=-jnp.inf
  )
  return other_view > nearest_negative


@explained("losses")
def alignment(
  first: ArrayLike, second: ArrayLike, *, axis_name: AxisName | None = None
) -> jax.Array:
  r"""Returns the alignment: the mean squared distance between two views.

  .. math::
    \frac{1}{n} \sum_i \lVert u_i - v_i \rVert^2

  for L2-normalised rows; 0 when the views agree, 2 when they are unrelated.

  Args:
    first: Floating embeddings [n, d]; rows need no normalisation.
    second: Floating embeddings [n, d]; row i is another view of row i of
      `first`.
    axis_name: Name of the mapped axis inside `jax.shard_map` or `jax.pmap`,
      over all of whose devices the mean is taken; None elsewhere.

  Returns:
    Scalar in [0, 4], the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes are wrong or unequal.

  Note:
    As a loss: under `jax.jit` gradients need no further step. Inside
    `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the gradients of the
    parameters, never `psum`.

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
  first, second = _checks.checked_pair("alignment", first, second)
  _options.check_axis("alignment", axis_name)
  return _alignment(first, second, axis_name=axis_name)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _alignment(
  first: jax.Array, second: jax.Array, *, axis_name: AxisName | None
) -> jax.Array:
  difference = l2_normalize(first) - l2_normalize(second)
  distances = jnp.sum(jnp.square(difference), axis=1)
  is_valid = jnp.ones_like(distances, dtype=bool)
  return mean_over_anchors(distances, is_valid, axis_name)


@explained("losses")
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
    embeddings: Floating embeddings [n, d]; rows need no normalisation.
    axis_name: Name of the mapped axis inside `jax.shard_map` or `jax.pmap`,
      over all of whose devices pairs are formed; None elsewhere.
    t: Inverse squared width of the kernel, a scalar > 0.

  Returns:
    Scalar in [-4 t, 0], in nats, the same on all devices: float32, or float64
    for float64 embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: The rank is not 2, or there are fewer than two rows.

  Note:
    As a loss: under `jax.jit` gradients need no further step. Inside
    `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the gradients of the
    parameters, never `psum`.

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
  embeddings = _checks.checked_embeddings(
    "uniformity", "embeddings", embeddings
  )
  _options.check_axis("uniformity", axis_name)
  return _uniformity(embeddings, axis_name=axis_name, t=t)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _uniformity(
  embeddings: jax.Array, *, axis_name: AxisName | None, t: jax.Array
) -> jax.Array:
  rows = l2_normalize(embeddings)
  n, keys = rows.shape[0], everywhere(rows, axis_name)
  m = keys.shape[0]
  if m < 2:
    raise ValueError(
      f"losses.uniformity needs at least 2 rows over all devices, got {m}."
    )

  def of_block(block: tuple[jax.Array, jax.Array]) -> jax.Array:
    units, positions = block
    is_pair = positions[:, None] != jnp.arange(m)[None, :]
    exponents = -jnp.asarray(t, rows.dtype) * _squared_distances(units, keys)
    return jnp.sum(jnp.where(is_pair, jnp.exp(exponents), 0), axis=1) / (m - 1)

  means = map_rows(of_block, (rows, positions_of(n, axis_name)), m)
  is_valid = jnp.ones_like(means, dtype=bool)
  return jnp.log(mean_over_anchors(means, is_valid, axis_name))


def _squared_distances(rows: jax.Array, keys: jax.Array) -> jax.Array:
  """Returns [n, m] squared distances of rows [n, d] and keys [m, d]."""
  row_norms = jnp.sum(jnp.square(rows), axis=1)[:, None]
  key_norms = jnp.sum(jnp.square(keys), axis=1)[None, :]
  products = multiply(rows, keys, (1, 1), dtype=rows.dtype)
  # Rounding may give slightly less than 0.
  return jnp.maximum(row_norms + key_norms - 2 * products, 0)
