"""NT-Xent: the loss of SimCLR."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._similarity import AxisName, join_views
from suncet_jax.losses.suncet import suncet


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
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      keys then come from all its devices. None elsewhere.
    stop_gradient_keys: whether the gradient flows through anchors only. By
      default it is exact, through anchors and keys.
    block_size: None or 0; the similarity matrix is materialised.
    matmul_dtype: dtype to which the operands of the similarity product are
      cast, for example `jnp.bfloat16`; sums are accumulated in float32.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: embeddings are not floating.
    ValueError: wrong or unequal shapes, `temperature` not > 0, or a
      `block_size`.

  Note:
    Gradients: under `jax.jit`, also with sharded arrays, there is nothing to
    do. Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the
    gradients of the parameters, never `psum`.

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
  embeddings, images = join_views(first, second, axis_name)
  return suncet(
    embeddings,
    images,
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
