"""CoMatch: pseudo-labels and embeddings that teach each other by a graph."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses import _checks
from suncet_jax.losses._logits import (
  check_same_shape,
  check_share,
  checked_logits,
  cross_entropies,
)
from suncet_jax.losses._partition import everywhere, maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._row_blocks import map_rows
from suncet_jax.losses._similarity import (
  AxisName,
  l2_normalize,
  multiply,
  positions_of,
)

# Bounds the loss of a pair at -log(1e-7); part of the published definition.
_EPSILON = 1e-7


@maps_explicit_rows
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
    ValueError: Shapes are wrong.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> labels = jnp.array([1, -1])
    >>> round(float(losses.cross_entropy(jnp.zeros((2, 2)), labels)), 3)
    0.693
  """
  logits = checked_logits("logits", logits)
  labels = _checks.checked_labels(labels, logits.shape[0])
  is_labelled = labels >= 0
  logs = jax.nn.log_softmax(jnp.where(is_labelled[:, None], logits, 0))
  index = jnp.maximum(labels, 0)[:, None]
  chosen = jnp.take_along_axis(logs, index, axis=1)[:, 0]
  return mean_over_anchors(-chosen, is_labelled, axis_name)


@maps_explicit_rows
def comatch_consistency(
  probabilities: ArrayLike,
  strong: ArrayLike,
  *,
  threshold: float = 0.95,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns CoMatch's second term: soft pseudo-labels of strong views.

  .. math::
    \frac{1}{n} \sum_i [\max p_i \geq t] \; H(p_i, \mathrm{softmax}(strong_i))

  Args:
    probabilities: Pseudo-labels :math:`p` [n, c], rows of sum 1, aligned and
      smoothed by the caller; constants.
    strong: Logits [n, c] of strongly augmented views of the same images.
    threshold: Least confidence :math:`t`, in [0, 1].
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    logits. The mean is over all rows of all devices, confident or not.

  Raises:
    TypeError: Probabilities or logits are not floating.
    ValueError: Shapes are wrong or unequal, or `threshold` is not in [0, 1].

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> sure = jnp.array([[1.0, 0.0]])
    >>> round(float(losses.comatch_consistency(sure, jnp.zeros((1, 2)))), 3)
    0.693

  References:
    Li, Xiong and Hoi, `CoMatch: Semi-supervised Learning with Contrastive Graph
    Regularization <https://arxiv.org/abs/2011.11183>`_, 2021: equation 2.
  """
  targets = checked_logits("probabilities", probabilities)
  targets = jax.lax.stop_gradient(targets)
  strong = checked_logits("strong", strong)
  check_same_shape(probabilities=targets, strong=strong)
  check_share("threshold", threshold)
  values = cross_entropies(targets, jax.nn.log_softmax(strong))
  values = jnp.where(jnp.max(targets, axis=1) >= threshold, values, 0)
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


@maps_explicit_rows
def comatch_graph(
  first: ArrayLike,
  second: ArrayLike,
  probabilities: ArrayLike,
  *,
  bank: ArrayLike | None = None,
  bank_probabilities: ArrayLike | None = None,
  bank_mask: ArrayLike | None = None,
  threshold: float = 0.8,
  temperature: ArrayLike = 0.2,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns CoMatch's third term: a graph of pseudo-labels for embeddings.

  Of two strong views, with the other view of the same image always a neighbour
  and all others where their pseudo-labels agree well enough,

  .. math::
    W_{ij} \propto [i = j] + [i \neq j] \, p_i^T p_j \, [p_i^T p_j \geq t]
    \qquad
    -\frac{1}{n} \sum_{i,j} W_{ij} \log(S_{ij} + 10^{-7})

  where :math:`S_{ij}` is the softmax over j of the cosines of `first` i and
  `second` j over :math:`\tau`; rows of W have sum 1. Keys are the rows of all
  devices, and those of the bank. The matrix is made for a block of rows at a
  time where it would pass 16 MB.

  Args:
    first: Floating embeddings [n, d] of one strong view.
    second: Floating embeddings [n, d] of the other one.
    probabilities: Pseudo-labels :math:`p` [n, c], rows of sum 1; constants.
    bank: Embeddings [k, d] of earlier images, the same on all devices; further
      keys without gradient.
    bank_probabilities: Pseudo-labels [k, c] of the bank.
    bank_mask: Mask [k] bool of the rows of the bank that are filled; None: all.
    threshold: Least agreement :math:`t` of two neighbours, in [0, 1].
    temperature: Temperature :math:`\tau > 0`.
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in [0, 16.2] nats, the same on all devices: float32, or float64 for
    float64 embeddings.

  Raises:
    TypeError: Embeddings or probabilities are not floating.
    ValueError: Shapes do not fit, `threshold` is not in [0, 1], or `bank` and
      `bank_probabilities` are not given together.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.eye(3)
    >>> bool(losses.comatch_graph(rows, rows, rows, temperature=0.05) < 1e-6)
    True

  References:
    Li, Xiong and Hoi, `CoMatch: Semi-supervised Learning with Contrastive Graph
    Regularization <https://arxiv.org/abs/2011.11183>`_, 2021: equations 4 to 7;
    the constant in the logarithm is the published code's.
  """
  first, second = _checks.checked_pair(first, second)
  units, others = l2_normalize(first), l2_normalize(second)
  _checks.check_options(temperature, None, None, units)
  check_share("threshold", threshold)
  n = units.shape[0]
  targets = _constant_probabilities("probabilities", probabilities, n, units)
  keys = everywhere(others, axis_name)
  key_targets = everywhere(targets, axis_name)
  is_key = jnp.ones(keys.shape[0], bool)
  if (bank is None) != (bank_probabilities is None):
    raise ValueError("bank and bank_probabilities must be given together.")
  if bank is not None and bank_probabilities is not None:
    stored = l2_normalize(_checks.checked_embeddings("bank", bank))
    k = stored.shape[0]
    labels = _constant_probabilities(
      "bank_probabilities", bank_probabilities, k, units
    )
    filled = jnp.ones(k, bool) if bank_mask is None else jnp.asarray(bank_mask)
    keys = jnp.concatenate([keys, jax.lax.stop_gradient(stored)])
    key_targets = jnp.concatenate([key_targets, labels])
    is_key = jnp.concatenate([is_key, filled])
  inverse = 1 / jnp.asarray(temperature, units.dtype)

  def of_block(block: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    rows, row_targets, positions = block
    is_self = positions[:, None] == jnp.arange(keys.shape[0])
    cosines = multiply(rows, keys, (1, 1), dtype=units.dtype)
    logits = jnp.where(is_key, cosines * inverse, -jnp.inf)
    agreement = multiply(row_targets, key_targets, (1, 1), dtype=units.dtype)
    weights = jnp.where(is_self, 1, agreement)
    weights = jnp.where(is_key & (weights >= threshold), weights, 0)
    weights /= jnp.sum(weights, axis=1, keepdims=True)
    logs = jnp.log(jax.nn.softmax(logits) + _EPSILON)
    return cross_entropies(weights, logs)

  rows = (units, targets, positions_of(n, axis_name))
  values = map_rows(of_block, rows, keys.shape[0])
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


def _constant_probabilities(
  name: str, probabilities: ArrayLike, n: int, like: jax.Array
) -> jax.Array:
  """Returns probabilities [n, c] in the dtype of `like`, without gradient."""
  checked = checked_logits(name, probabilities)
  if checked.shape[0] != n:
    raise ValueError(
      f"{name} must have {n} rows, one per row of the embeddings, got shape "
      f"{checked.shape}."
    )
  return jax.lax.stop_gradient(checked).astype(like.dtype)
