"""NT-Xent: the loss of SimCLR."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._contrast import contrast
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._similarity import (
  AxisName,
  interleave,
  l2_normalize,
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
    block_size: rows of a block; 0 makes one matrix of all similarities. None
      chooses: blocks from 2,048 keys on. Blocks give the same value with
      memory that grows with n, not with n squared.
    matmul_dtype: dtype to which the operands of products are cast, for example
      `jnp.bfloat16`, whose products are fast; sums are taken in float32. None
      multiplies in the dtype of the sums to its full precision, a name for
      that dtype as fast as the hardware likes to.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: embeddings are not floating, `block_size` no integer,
      `matmul_dtype` not floating, or a second derivative of blocks.
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
  units = l2_normalize(interleave(first, second))
  _checks.check_options(temperature, block_size, matmul_dtype, units)
  return contrast(
    units,
    positions_of(units.shape[0], axis_name) // 2,
    "pair",
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
