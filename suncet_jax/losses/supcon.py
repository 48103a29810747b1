"""SupCon: the supervised contrastive loss, in both of its forms."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _contrast, _options
from suncet_jax.losses._quantities import Positives
from suncet_jax.losses._similarity import AxisName

_POSITIVES = {"in": Positives.LOG_MEAN_EXP, "out": Positives.MEAN}


@explained("losses")
def supcon(
  embeddings: ArrayLike,
  labels: ArrayLike,
  *,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  block_size: int | None = None,
  matmul_dtype: DTypeLike | None = None,
  variant: str = "out",
) -> jax.Array:
  r"""Returns the SupCon loss: an anchor should be near all of its class.

  With :math:`P(i)` the keys of anchor i's class and :math:`A(i)` all labelled
  keys, both without i itself, cosine similarities :math:`s_{ij}` and
  :math:`p_{ij} = \exp(s_{ij} / \tau) / \sum_{k \in A(i)} \exp(s_{ik} / \tau)`,

  .. math::
    \ell_i^{out} = -\frac{1}{|P(i)|} \sum_{j \in P(i)} \log p_{ij}
    \qquad
    \ell_i^{in} = -\log \frac{1}{|P(i)|} \sum_{j \in P(i)} p_{ij}

  averaged over all anchors of all devices that have a positive. The second
  form is :math:`\log |P(i)|` plus `suncet`.

  Args:
    embeddings: Floating embeddings [n, d]; rows need no normalisation.
    labels: Integer labels [n]; negative: unlabelled, neither anchor nor key.
    temperature: Temperature :math:`\tau > 0`. The loss is not scaled by
      a base temperature.
    axis_name: Name or names of the mapped axis; None outside of one.
    stop_gradient_keys: Whether the gradient flows through anchors only.
    block_size: Rows in a block; 0: no blocks; None chooses.
    matmul_dtype: Dtype of the operands of products; None: full precision.
    variant: Place of the mean over positives: "out" or "in" of the logarithm.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings. If no anchor has a positive, it is 0 with zero gradient.

  Raises:
    TypeError: Embeddings are not floating, labels or `block_size` not integers,
      `matmul_dtype` is not floating, or blocks are differentiated twice.
    ValueError: Shapes are wrong, `temperature` is not a scalar > 0,
      `block_size` is negative, or `variant` is unknown.

  Note:
    `suncet_jax.losses` describes the options, and gradients on many devices.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows, labels = jnp.ones((4, 2)), jnp.array([0, 0, 1, 1])
    >>> round(float(losses.supcon(rows, labels)), 3)  # log(3): no preference
    1.099

  References:
    Khosla et al., `Supervised Contrastive Learning
    <https://arxiv.org/abs/2004.11362>`_, 2020: equations 2 and 3.
  """
  embeddings, labels = _checks.checked_labelled("supcon", embeddings, labels)
  options = _options.checked_options(
    "supcon",
    embeddings.dtype,
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
  if variant not in _POSITIVES:
    raise ValueError(
      f"losses.supcon: variant must be one of {sorted(_POSITIVES)}, got "
      f"{variant!r}."
    )
  return _contrast.of_labelled(
    embeddings, labels, positives=_POSITIVES[variant], **options
  )
