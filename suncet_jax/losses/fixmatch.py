"""FixMatch: confident predictions of weak views as labels of strong ones."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _options
from suncet_jax.losses._logits import check_same_shape, checked_logits
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import AxisName


@explained("losses")
def fixmatch(
  weak: ArrayLike,
  strong: ArrayLike,
  *,
  threshold: ArrayLike = 0.95,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns FixMatch's loss of unlabelled images.

  With :math:`q_i` the softmax of the weak view's logits, a constant,

  .. math::
    \frac{1}{n} \sum_i [\max q_i \geq t] \;
    H(\arg\max q_i, \mathrm{softmax}(strong_i))

  The mean is over all rows of all devices, confident or not. The loss of
  labelled images, a cross-entropy, is not part of it.

  Args:
    weak: Logits [n, c] of weakly augmented images; they get no gradient.
    strong: Logits [n, c] of strongly augmented views of the same images.
    threshold: Least confidence :math:`t` of a label, in [0, 1].
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    logits.

  Raises:
    TypeError: Logits are not floating.
    ValueError: Shapes are wrong or unequal, or `threshold` is not in [0, 1].

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> sure, unsure = jnp.array([[9.0, 0]]), jnp.array([[1.0, 0]])
    >>> round(float(losses.fixmatch(sure, jnp.zeros((1, 2)))), 3)  # log(2)
    0.693
    >>> float(losses.fixmatch(unsure, jnp.zeros((1, 2))))
    0.0

  References:
    Sohn et al., `FixMatch: Simplifying Semi-Supervised Learning with
    Consistency and Confidence <https://arxiv.org/abs/2001.07685>`_, 2020:
    equation 4.
  """
  weak = checked_logits("fixmatch", "weak", weak)
  strong = checked_logits("fixmatch", "strong", strong)
  check_same_shape("fixmatch", weak=weak, strong=strong)
  _options.check_range("fixmatch", 0, 1, threshold=threshold)
  _options.check_axis("fixmatch", axis_name)
  return _fixmatch(weak, strong, threshold=threshold, axis_name=axis_name)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _fixmatch(
  weak: jax.Array,
  strong: jax.Array,
  *,
  threshold: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  weak = jax.lax.stop_gradient(weak)
  confidence = jnp.max(jax.nn.softmax(weak), axis=1)
  labels = jnp.argmax(weak, axis=1)
  logs = jax.nn.log_softmax(strong)
  chosen = jnp.take_along_axis(logs, labels[:, None], axis=1)[:, 0]
  values = jnp.where(confidence >= threshold, -chosen, 0)
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)
