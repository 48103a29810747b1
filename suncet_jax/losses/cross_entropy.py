"""Cross-entropy of labelled rows, over all devices."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _options
from suncet_jax.losses._logits import checked_logits
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import AxisName


@explained("losses")
def cross_entropy(
  logits: ArrayLike, labels: ArrayLike, *, axis_name: AxisName | None = None
) -> jax.Array:
  """Returns the mean cross-entropy of labelled rows.

  The first of CoMatch's three terms, and FixMatch's loss of labelled images.

  Args:
    logits: Logits [n, c].
    labels: Integer labels [n] below c; negative: unlabelled, not counted.
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in nats, the same on all devices, over the labelled rows of all of
    them: float32, or float64 for float64 logits. 0 if there is none.

  Raises:
    TypeError: Logits are not floating or labels not integer.
    ValueError: Shapes are wrong, or a known label is not below c.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> labels = jnp.array([1, -1])
    >>> round(float(losses.cross_entropy(jnp.zeros((2, 2)), labels)), 3)
    0.693
  """
  logits = checked_logits("cross_entropy", "logits", logits)
  n, count = logits.shape
  numbers = _checks.checked_numbers("cross_entropy", labels, n)
  # Those on a device are not fetched.
  if not isinstance(labels, jax.Array) and np.max(labels, initial=-1) >= count:
    raise ValueError(
      f"losses.cross_entropy: labels must be below {count}, the number of "
      f"logits, got {np.max(labels)}."
    )
  _options.check_axis("cross_entropy", axis_name)
  return _cross_entropy(logits, numbers, axis_name=axis_name)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _cross_entropy(
  logits: jax.Array, labels: jax.Array, *, axis_name: AxisName | None
) -> jax.Array:
  is_labelled = labels >= 0
  logs = jax.nn.log_softmax(jnp.where(is_labelled[:, None], logits, 0))
  index = jnp.maximum(labels, 0)[:, None]
  chosen = jnp.take_along_axis(logs, index, axis=1)[:, 0]
  return mean_over_anchors(-chosen, is_labelled, axis_name)
