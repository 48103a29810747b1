"""What the geometry of the embeddings says about the training."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses import _checks, _similarity
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import AxisName


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
  rows, images = _similarity.join_views(first, second, axis_name)
  cosines, is_key, is_positive = _similarity.compare(
    rows, images, temperature=1.0, axis_name=axis_name
  )
  is_negative = is_key & ~is_positive
  nearest_negative = jnp.max(
    cosines, axis=1, where=is_negative, initial=-jnp.inf
  )
  other_view = jnp.max(cosines, axis=1, where=is_positive, initial=-jnp.inf)
  is_hit = (other_view > nearest_negative).astype(cosines.dtype)
  return mean_over_anchors(is_hit, is_positive.any(axis=1), axis_name)


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
  difference = _similarity.l2_normalise(first) - _similarity.l2_normalise(
    second
  )
  distances = jnp.sum(jnp.square(difference), axis=1)
  is_valid = jnp.ones_like(distances, dtype=bool)
  return mean_over_anchors(distances, is_valid, axis_name)


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
  rows = _similarity.l2_normalise(
    _checks.checked_embeddings("embeddings", embeddings)
  )
  keys = _similarity.gather(rows, axis_name)
  n, m = rows.shape[0], keys.shape[0]
  if m < 2:
    raise ValueError(
      f"uniformity needs at least 2 rows over all devices, got {m}."
    )
  is_pair = ~_similarity.is_self(n, m, axis_name)
  kernel = jnp.exp(-jnp.asarray(t, rows.dtype) * _squared_distances(rows, keys))
  means = jnp.sum(jnp.where(is_pair, kernel, 0), axis=1) / (m - 1)
  is_valid = jnp.ones_like(means, dtype=bool)
  return jnp.log(mean_over_anchors(means, is_valid, axis_name))


def _squared_distances(rows: jax.Array, keys: jax.Array) -> jax.Array:
  """Returns `[n, m]` squared distances of rows `[n, d]` and keys `[m, d]`."""
  row_norms = jnp.sum(jnp.square(rows), axis=1)[:, None]
  key_norms = jnp.sum(jnp.square(keys), axis=1)[None, :]
  distances = row_norms + key_norms - 2 * _similarity.products(rows, keys)
  return jnp.maximum(distances, 0)  # rounding may go below
