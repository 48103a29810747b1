"""NT-Xent: the loss of SimCLR."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._contrast import contrast, is_blockwise
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import (
  AxisName,
  interleave,
  l2_normalise,
  positions_of,
)


@maps_explicit_rows
def ntxent(
  first: ArrayLike,
  second: ArrayLike,
  *,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  block_size: int | None = None,
  matmul_dtype: DTypeLike | None = None,
) -> jax.Array:
  r"""Returns the NT-Xent loss: an anchor should pick its image's other view.

  With :math:`p(i)` the other view of row i, cosine similarities
  :math:`s_{ij}`, and the sum over all rows of both views but i itself,

  .. math::
    \ell_i = -\log \frac{\exp(s_{i p(i)} / \tau)}
                        {\sum_{k \neq i} \exp(s_{ik} / \tau)}

  averaged over the 2n rows of all devices. It is `suncet` with every image a
  class of its own.

  Args:
    first: `[n, d]`, floating; rows need no normalisation.
    second: `[n, d]`, floating; row i is another view of row i of `first`.
    temperature: :math:`\tau > 0`.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`, or
      a tuple of names; keys then come from all its devices. None elsewhere.
    stop_gradient_keys: whether the gradient flows through anchors only. By
      default it is exact, through anchors and keys.
    block_size: rows that are compared with all keys at a time; 0 compares all
      at once. None chooses: blocks from 2,048 keys on. Blocks give the same
      value with memory that grows with n, not with n squared.
    matmul_dtype: dtype to which the operands of products are cast, for example
      `jnp.bfloat16`, whose products are fast; sums are taken in float32. None
      multiplies in the dtype of the sums, to its full precision.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: embeddings are not floating, `block_size` no integer, or a
      second derivative of blocks.
    ValueError: wrong or unequal shapes, `temperature` not a scalar > 0, or
      `block_size` negative.

  Note:
    Gradients: under `jax.jit`, also with sharded arrays, there is nothing to
    do. Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the
    gradients of the parameters, never `psum`.

    Derivatives: in blocks the first one only, forward or backward, with
    respect to embeddings and temperature; all of them with `block_size=0`.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> views = jnp.eye(4)
    >>> bool(losses.ntxent(views, views) < 0.001)
    True
    >>> bool(losses.ntxent(views, views[::-1]) > 10)
    True

  References:
    Chen et al., `A Simple Framework for Contrastive Learning of Visual
    Representations <https://arxiv.org/abs/2002.05709>`_, 2020: equation 1.
  """
  first, second = _checks.checked_pair(first, second)
  _checks.check_options(temperature, block_size)
  options: dict[str, Any] = {
    "temperature": temperature,
    "axis_name": axis_name,
    "stop_gradient_keys": stop_gradient_keys,
    "matmul_dtype": matmul_dtype,
  }
  units = l2_normalise(interleave(first, second))
  n = units.shape[0]
  images = positions_of(n, axis_name) // 2
  if not is_blockwise(n, axis_name, block_size):
    return contrast(units, images, "log_sum_exp", block_size=0, **options)
  # The only positive is known by its place: no tile needs to look for it.
  over_keys = contrast(
    units, jnp.zeros_like(images), "none", block_size=block_size, **options
  )
  return over_keys - _mean_positive(units, **options)


def _mean_positive(
  units: jax.Array,
  *,
  temperature: ArrayLike,
  axis_name: AxisName | None,
  stop_gradient_keys: bool,
  matmul_dtype: DTypeLike | None,
) -> jax.Array:
  """Returns the mean logit of the other view, of units `[2n, d]`."""
  operands = units
  if matmul_dtype is not None:  # what a product would see
    operands = units.astype(matmul_dtype).astype(units.dtype)
  views = operands.reshape(-1, 2, operands.shape[1])
  others = views[:, ::-1]
  if stop_gradient_keys:
    others = jax.lax.stop_gradient(others)
  logits = jnp.sum(views * others, axis=2).reshape(-1)
  logits = logits / jnp.asarray(temperature, units.dtype)
  is_anchor = jnp.ones_like(logits, dtype=bool)
  return mean_over_anchors(logits, is_anchor, axis_name)
