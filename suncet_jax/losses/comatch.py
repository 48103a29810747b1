"""CoMatch: pseudo-labels and embeddings that teach each other by a graph."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _options
from suncet_jax.losses._logits import (
  check_columns,
  check_same_shape,
  checked_logits,
  cross_entropies,
)
from suncet_jax.losses._partition import everywhere, maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._row_blocks import map_rows
from suncet_jax.losses._similarity import (
  AxisName,
  axis_size,
  l2_normalize,
  multiply,
  positions_of,
)

# Bounds the loss of a pair at -log(1e-7); part of the published definition.
_EPSILON = 1e-7


@explained("losses")
def comatch_consistency(
  probabilities: ArrayLike,
  strong: ArrayLike,
  *,
  threshold: ArrayLike = 0.95,
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
  function = "comatch_consistency"
  targets = checked_logits(function, "probabilities", probabilities)
  strong = checked_logits(function, "strong", strong)
  check_same_shape(function, probabilities=targets, strong=strong)
  _options.check_range(function, 0, 1, threshold=threshold)
  _options.check_axis(function, axis_name)
  return _consistency(targets, strong, threshold=threshold, axis_name=axis_name)


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _consistency(
  targets: jax.Array,
  strong: jax.Array,
  *,
  threshold: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  targets = jax.lax.stop_gradient(targets)
  values = cross_entropies(targets, jax.nn.log_softmax(strong))
  values = jnp.where(jnp.max(targets, axis=1) >= threshold, values, 0)
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


@explained("losses")
def comatch_graph(
  first: ArrayLike,
  second: ArrayLike,
  probabilities: ArrayLike,
  *,
  bank: ArrayLike | None = None,
  bank_probabilities: ArrayLike | None = None,
  bank_mask: ArrayLike | None = None,
  threshold: ArrayLike = 0.8,
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
  function = "comatch_graph"
  first, second = _checks.checked_pair(function, first, second)
  temperature = _options.checked_temperature(function, temperature)
  _options.check_range(function, 0, 1, threshold=threshold)
  _options.check_axis(function, axis_name)
  probabilities = _checked_rows("probabilities", probabilities, len(first))
  stored = None
  if (bank is None) != (bank_probabilities is None) or (
    bank is None and bank_mask is not None
  ):
    raise ValueError(
      f"losses.{function}: bank and bank_probabilities must be given together, "
      "and bank_mask with them or not at all."
    )
  if bank is not None and bank_probabilities is not None:
    bank = _checks.checked_embeddings(function, "bank", bank)
    labels = _checked_rows("bank_probabilities", bank_probabilities, len(bank))
    check_columns(function, first=first, bank=bank)
    check_columns(
      function, probabilities=probabilities, bank_probabilities=labels
    )
    filled = jnp.asarray(np.ones(len(bank)) if bank_mask is None else bank_mask)
    if filled.shape != (len(bank),):
      raise ValueError(
        f"losses.{function}: bank_mask must have shape {(len(bank),)}, one per "
        f"row of the bank, got {filled.shape}."
      )
    stored = _Keys(bank, labels, filled.astype(bool))
  return _graph(
    first,
    second,
    probabilities,
    bank=stored,
    threshold=threshold,
    temperature=temperature,
    axis_name=axis_name,
  )


class _Keys(NamedTuple):
  """Keys of a graph.

  Attributes:
    rows: Embeddings [m, d].
    probabilities: Pseudo-labels [m, c].
    is_key: Mask [m] of the keys that count.
  """

  rows: jax.Array
  probabilities: jax.Array
  is_key: jax.Array


@functools.partial(jax.jit, static_argnames="axis_name")
@maps_explicit_rows
def _graph(
  first: jax.Array,
  second: jax.Array,
  probabilities: jax.Array,
  *,
  bank: _Keys | None,
  threshold: ArrayLike,
  temperature: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  units, others = l2_normalize(first), l2_normalize(second)
  targets = jax.lax.stop_gradient(probabilities).astype(units.dtype)
  keys = _Keys(
    everywhere(others, axis_name),
    everywhere(targets, axis_name),
    jnp.ones(len(others) * axis_size(axis_name), bool),
  )
  if bank is not None:
    bank = bank._replace(rows=l2_normalize(bank.rows))
    stored = jax.lax.stop_gradient(bank)
    keys = jax.tree.map(
      lambda a, b: jnp.concatenate([a, b.astype(a.dtype)]), keys, stored
    )
  inverse = 1 / jnp.asarray(temperature, units.dtype)

  def of_block(block: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
    rows, row_targets, positions = block
    is_self = positions[:, None] == jnp.arange(len(keys.rows))
    cosines = multiply(rows, keys.rows, (1, 1), dtype=units.dtype)
    logits = jnp.where(keys.is_key, cosines * inverse, -jnp.inf)
    agreement = multiply(
      row_targets, keys.probabilities, (1, 1), dtype=units.dtype
    )
    weights = jnp.where(is_self, 1, agreement)
    weights = jnp.where(keys.is_key & (weights >= threshold), weights, 0)
    weights /= jnp.sum(weights, axis=1, keepdims=True)
    logs = jnp.log(jax.nn.softmax(logits) + _EPSILON)
    return cross_entropies(weights, logs)

  rows = (units, targets, positions_of(len(units), axis_name))
  values = map_rows(of_block, rows, len(keys.rows))
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


def _checked_rows(name: str, probabilities: ArrayLike, n: int) -> jax.Array:
  """Returns probabilities [n, c] as an array."""
  checked = checked_logits("comatch_graph", name, probabilities)
  if checked.shape[0] != n:
    raise ValueError(
      f"losses.comatch_graph: {name} must have {n} rows, one per row of the "
      f"embeddings, got shape {checked.shape}."
    )
  return checked
