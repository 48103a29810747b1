"""SuNCEt: supervised noise contrastive estimation."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _contrast, _options
from suncet_jax.losses._quantities import Positives
from suncet_jax.losses._similarity import AxisName


@explained("losses")
def suncet(
  embeddings: ArrayLike,
  labels: ArrayLike,
  *,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  block_size: int | None = None,
  matmul_dtype: DTypeLike | None = None,
) -> jax.Array:
  r"""Returns the SuNCEt loss: an anchor should pick its class among all keys.

  With :math:`P(i)` the keys of anchor i's class and :math:`A(i)` all labelled
  keys, both without i itself, and cosine similarities :math:`s_{ij}`,

  .. math::
    \ell_i = -\log \frac{\sum_{j \in P(i)} \exp(s_{ij} / \tau)}
                        {\sum_{k \in A(i)} \exp(s_{ik} / \tau)}

  averaged over all anchors of all devices that have a positive.

  Args:
    embeddings: Floating embeddings [n, d]; rows need no normalisation.
    labels: Integer labels [n]; negative: unlabelled, neither anchor nor key.
    temperature: Temperature :math:`\tau > 0`.
    axis_name: Name or names of the mapped axis; None outside of one.
    stop_gradient_keys: Whether the gradient flows through anchors only.
    block_size: Rows in a block; 0: no blocks; None chooses.
    matmul_dtype: Dtype of the operands of products; None: full precision.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings. If no anchor has a positive, it is 0 with zero gradient.

  Raises:
    TypeError: Embeddings are not floating, labels or `block_size` not integers,
      `matmul_dtype` is not floating, or blocks are differentiated twice.
    ValueError: Shapes are wrong, `temperature` is not a scalar > 0, or
      `block_size` is negative.

  Note:
    `suncet_jax.losses` describes the options, and gradients on many devices.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> bool(losses.suncet(rows, jnp.array([0, 0, 1, 1])) < 0.01)
    True
    >>> float(losses.suncet(rows, jnp.array([0, 1, 2, 3])))
    0.0

  References:
    Assran et al., `Supervision Accelerates Pre-training in Contrastive
    Semi-Supervised Learning of Visual Representations
    <https://arxiv.org/abs/2006.10803>`_, 2020: the SuNCEt loss.
  """
  embeddings, labels = _checks.checked_labelled("suncet", embeddings, labels)
  options = _options.checked_options(
    "suncet",
    embeddings.dtype,
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
  return _contrast.of_labelled(
    embeddings, labels, positives=Positives.LOG_SUM_EXP, **options
  )
