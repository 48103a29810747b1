"""A block of anchors against a block of keys: sums and gradient weights.

Everything is in float32 (float64 for float64 embeddings), whatever dtype the
product multiplies in. Logits are cosine / temperature: but for rounding, none
exceeds 1 / temperature.
"""

from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _similarity

# What an anchor's positives give: the logarithm of the sum or of the mean of
# exp(logit); the mean logit; or the logit of the only one there is, rows 2i and
# 2i + 1 being a pair.
Positives: TypeAlias = Literal["log_sum_exp", "log_mean_exp", "mean", "pair"]

# Those that are linear in the logits.
LINEAR: tuple[Positives, ...] = ("mean", "pair")

# Weights of many keys are too small for float16, which ends at 6e-8; none is
# above 2 in magnitude.
_FLOAT16_FACTOR = 2.0**14


class Request(NamedTuple):
  """Rows that are anchors, keys or both.

  Attributes:
    units: `[n, d]`, no longer than 1, of the dtype of the product.
    labels: `[n]`, integer.
    is_row: `[n]` bool; the others are neither anchors nor keys.
    positions: `[n]`, integer, which row it is among all rows.
  """

  units: jax.Array
  labels: jax.Array
  is_row: jax.Array
  positions: jax.Array


class Similarity(NamedTuple):
  """How anchors relate to keys.

  Attributes:
    logits: `[n, m]` cosine / temperature, float32 or float64.
    is_key: `[n, m]` bool, keys an anchor is compared with.
    is_positive: `[n, m]` bool, the keys among them with the anchor's label.
  """

  logits: jax.Array
  is_key: jax.Array
  is_positive: jax.Array


class Scale(NamedTuple):
  """From units to exponents.

  Attributes:
    inverse_temperature: scalar, of the dtype that sums are taken in.
    is_bounded: whether the temperature is known to be so high that
      exp(logit - 1 / temperature) never underflows. One exponential then
      serves both rows of a pair; else each row has a shift of its own.
    matmul_dtype: of the operands of products; None for their own.
  """

  inverse_temperature: jax.Array
  is_bounded: bool
  matmul_dtype: DTypeLike | None

  @property
  def weight_factor(self) -> float:
    """What weights are multiplied by, to survive the dtype of products."""
    return _FLOAT16_FACTOR if self.matmul_dtype == jnp.float16 else 1.0


class Sums(NamedTuple):
  """Sums of exponentials of logits, one for each anchor.

  Attributes:
    shift: `[n]`, what was subtracted from the logits.
    total: `[n]`.
  """

  shift: jax.Array
  total: jax.Array

  def log(self) -> jax.Array:
    """Returns the log-sum-exp, `[n]`; -inf where there was no term."""
    return self.shift + jnp.log(self.total)

  def log_minus(self, shift: ArrayLike, log_total: ArrayLike) -> jax.Array:
    """Returns the log-sum-exp less (shift + log_total), `[n]`.

    Both may be near 1 / temperature and near to each other: shifts first.
    """
    return (self.shift - shift) + (jnp.log(self.total) - log_total)


class Statistics(NamedTuple):
  """What the gradient needs to know of each anchor.

  Attributes:
    over_keys: `[n]`, log-sum-exp over keys; inf for a row that is no anchor.
    over_positives: `[n]`, log-sum-exp over positives, or the logarithm of
      their number where their mean is taken; inf for a row that is no anchor.
  """

  over_keys: jax.Array
  over_positives: jax.Array


def compare(
  anchors: Request, keys: Request, scale: Scale, *, each_pair_once: bool
) -> Similarity:
  """Compares anchors with keys.

  Args:
    anchors: n rows.
    keys: m rows.
    scale: of the logits.
    each_pair_once: leaves out keys that stand before the anchor, for callers
      that count a pair for both of its rows. Else only the anchor itself is
      left out.

  Returns:
    Logits and masks, `[n, m]`.
  """
  cosines = multiply(anchors.units, keys.units, (1, 1), scale)
  first, second = anchors.positions[:, None], keys.positions[None, :]
  is_pair = first < second if each_pair_once else first != second
  is_key = is_pair & anchors.is_row[:, None] & keys.is_row[None, :]
  is_positive = is_key & (anchors.labels[:, None] == keys.labels[None, :])
  return Similarity(cosines * scale.inverse_temperature, is_key, is_positive)


def multiply(
  left: jax.Array, right: jax.Array, contract: tuple[int, int], scale: Scale
) -> jax.Array:
  """Returns the product of two matrices, of the dtype of the scale.

  Args:
    left: rank 2.
    right: rank 2.
    contract: the axis of each that is summed over.
    scale: gives the dtypes.
  """
  return _similarity.multiply(
    left,
    right,
    contract,
    dtype=scale.inverse_temperature.dtype,
    matmul_dtype=scale.matmul_dtype,
  )


def zeros(shape: tuple[int, ...], scale: Scale, *sources: Any) -> jax.Array:
  """Returns zeros that a loop over tiles begins with.

  Args:
    shape: of the result.
    scale: of the logits.
    *sources: trees of what else the loop adds.

  Returns:
    Zeros of the dtype of the scale. They vary over the same mapped axes as the
    sources: inside `jax.shard_map` a loop must keep the type it begins with.
  """
  dtype = scale.inverse_temperature.dtype
  zero = sum(
    jnp.zeros_like(leaf, shape=(), dtype=dtype)
    for leaf in jax.tree.leaves((scale, sources))
    if isinstance(leaf, jax.Array)
  )
  return jnp.broadcast_to(zero, shape)


def no_sums(zeros: jax.Array, scale: Scale) -> Sums:
  """Returns sums of n anchors without terms.

  Args:
    zeros: `[n]`.
    scale: of the logits.

  Returns:
    Of `[n]`.
  """
  # No logit is below minus the bound: a shift there is never too high.
  bound = scale.inverse_temperature
  return Sums(zeros + (bound if scale.is_bounded else -bound), zeros)


def add(
  sums: tuple[Sums, Sums],
  tile: Similarity,
  scale: Scale,
  axis: int,
  positives: Positives,
) -> tuple[Sums, Sums]:
  """Adds what a tile has for some anchors.

  Args:
    sums: of n anchors over their keys and over their positives.
    tile: `[n, m]`, or `[m, n]` for `axis` 0.
    scale: of the logits.
    axis: of the keys.
    positives: what they give; the total of means is the sum of their logits.

  Returns:
    Both sums.
  """
  over_keys, over_positives = sums
  over_keys = _add_exponentials(
    over_keys, tile.logits, tile.is_key, scale, axis
  )
  if positives in LINEAR:
    total = _masked_sum(tile.logits, tile.is_positive, axis)
    over_positives = Sums(over_positives.shift, over_positives.total + total)
  else:
    over_positives = _add_exponentials(
      over_positives, tile.logits, tile.is_positive, scale, axis
    )
  return over_keys, over_positives


def finish(
  sums: tuple[Sums, Sums], counts: jax.Array, positives: Positives
) -> tuple[jax.Array, Statistics]:
  """Makes values of sums.

  Args:
    sums: over keys and over positives, of n anchors.
    counts: `[n]`, how many positives each has; 0 makes it no anchor.
    positives: what they give.

  Returns:
    `[n]` values, 0 for rows that are no anchors, and statistics.
  """
  over_keys, over_positives = sums
  divisors = jnp.maximum(counts, 1).astype(over_keys.total.dtype)
  log_counts = jnp.log(divisors)
  if positives in LINEAR:
    means = over_positives.total / divisors
    values, own = over_keys.log_minus(means, 0), log_counts
  else:
    shift, log_total = over_positives.shift, jnp.log(over_positives.total)
    values, own = over_keys.log_minus(shift, log_total), shift + log_total
    if positives == "log_mean_exp":
      values += log_counts
  is_anchor = counts > 0
  statistics = Statistics(over_keys.log(), own)
  return jnp.where(is_anchor, values, 0), Statistics(
    *(jnp.where(is_anchor, each, jnp.inf) for each in statistics)
  )


def weights(
  tile: Similarity,
  statistics: Statistics,
  scale: Scale,
  axis: int,
  positives: Positives,
) -> jax.Array:
  """Returns the derivatives of the anchors' values by the logits.

  Args:
    tile: `[n, m]`, or `[m, n]` for `axis` 0.
    statistics: of the n anchors.
    scale: of the logits.
    axis: of the keys.
    positives: what they give.

  Returns:
    Of the shape of the logits, times the scale's `weight_factor` and not yet
    divided by the number of anchors.
  """
  logits, is_key, is_positive = tile
  share = _exponentials(logits, statistics.over_keys, scale, axis)
  if positives in LINEAR:
    own = jnp.expand_dims(jnp.exp(-statistics.over_positives), axis)
  else:
    own = _exponentials(logits, statistics.over_positives, scale, axis)
  # Subtracted before the product rounds them: they may be nearly equal.
  total = jnp.where(is_key, share, 0) - jnp.where(is_positive, own, 0)
  return total if scale.weight_factor == 1 else total * scale.weight_factor


def logit_gradient(weighted: jax.Array, scale: Scale) -> jax.Array:
  """Returns the gradient by the units, given sums of units by `weights`."""
  return weighted * (scale.inverse_temperature / scale.weight_factor)


def _add_exponentials(
  sums: Sums, logits: jax.Array, is_term: jax.Array, scale: Scale, axis: int
) -> Sums:
  if scale.is_bounded:
    terms = jnp.exp(logits - scale.inverse_temperature)
    total = sums.total + _masked_sum(terms, is_term, axis)
    return Sums(sums.shift, total)
  highest = jnp.max(logits, axis, where=is_term, initial=-jnp.inf)
  shift = jnp.maximum(sums.shift, highest)
  terms = jnp.exp(logits - jnp.expand_dims(shift, axis))
  total = sums.total * jnp.exp(sums.shift - shift)
  return Sums(shift, total + _masked_sum(terms, is_term, axis))


def _exponentials(
  logits: jax.Array, log_total: jax.Array, scale: Scale, axis: int
) -> jax.Array:
  """Returns exp(logits - log_total), log_total [n] being one per anchor."""
  if not scale.is_bounded:
    return jnp.exp(logits - jnp.expand_dims(log_total, axis))
  # The first factor is the same for both rows of a pair: computed once.
  bound = scale.inverse_temperature
  factor = jnp.expand_dims(jnp.exp(bound - log_total), axis)
  return jnp.exp(logits - bound) * factor


def _masked_sum(terms: jax.Array, is_term: jax.Array, axis: int) -> jax.Array:
  return jnp.sum(jnp.where(is_term, terms, 0), axis)
