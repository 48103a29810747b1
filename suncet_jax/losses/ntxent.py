"""NT-Xent, the loss of SimCLR."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _contrast, _options
from suncet_jax.losses._quantities import Positives
from suncet_jax.losses._similarity import AxisName


@explained("losses")
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
  :math:`s_{ij}`, and the sum over all rows of both views except i itself,

  .. math::
    \ell_i = -\log \frac{\exp(s_{i p(i)} / \tau)}
                        {\sum_{k \neq i} \exp(s_{ik} / \tau)}

  averaged over the 2n rows of all devices. It is `suncet` with every image a
  class of its own.

  Args:
    first: Floating embeddings [n, d]; rows need no normalisation.
    second: Floating embeddings [n, d]; row i is another view of row i of
      `first`.
    temperature: Temperature :math:`\tau > 0`.
    axis_name: Name or names of the mapped axis; None outside of one.
    stop_gradient_keys: Whether the gradient flows through anchors only.
    block_size: Rows in a block; 0: no blocks; None chooses.
    matmul_dtype: Dtype of the operands of products; None: full precision.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: Embeddings are not floating, `block_size` is not an integer,
      `matmul_dtype` is not floating, or blocks are differentiated twice.
    ValueError: Shapes are wrong or unequal, `temperature` is not a scalar > 0,
      or `block_size` is negative.

  Note:
    `suncet_jax.losses` describes the options, and gradients on many devices.

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
  first, second = _checks.checked_pair("ntxent", first, second)
  options = _options.checked_options(
    "ntxent",
    jnp.promote_types(first.dtype, second.dtype),
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
  return _contrast.of_pairs(first, second, positives=Positives.PAIR, **options)
