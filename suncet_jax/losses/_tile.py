"""A block of anchors against a block of keys: sums and gradients of logits.

Everything is in float32 (float64 for float64 embeddings), whatever dtype the
product multiplies in. Logits are cosine / temperature: but for rounding, none
exceeds 1 / temperature.
"""

from typing import Any, Literal, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from suncet_jax.losses import _similarity
from suncet_jax.losses._quantities import (
  Positives,
  Request,
  Scale,
  Statistics,
  Sums,
)

# Sides of a tile: "anchors" are its rows, "keys" its columns. Where both blocks
# hold anchors, each column is an anchor too, with the rows as its keys.
Side: TypeAlias = Literal["anchors", "keys"]


class Similarity(NamedTuple):
  """Logits of anchors and keys, with masks.

  Attributes:
    logits: Cosine / temperature [n, m], float32 or float64.
    is_key: Mask [n, m] bool of the keys that an anchor is compared with.
    is_positive: Mask [n, m] bool of those keys that have the anchor's label.
  """

  logits: jax.Array
  is_key: jax.Array
  is_positive: jax.Array


def similarity_tile(
  anchors: Request, keys: Request, scale: Scale, *, each_pair_once: bool
) -> Similarity:
  """Compares anchors with keys.

  Args:
    anchors: Anchors, n rows.
    keys: Keys, m rows.
    scale: Scale of the logits.
    each_pair_once: Whether to leave out keys that stand before the anchor, for
      callers that count a pair for both of its rows. Otherwise only the anchor
      itself is left out.

  Returns:
    Logits and masks, [n, m].
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
  """Returns the product of two matrices, in the dtype of the scale.

  Args:
    left: Matrix of rank 2.
    right: Matrix of rank 2.
    contract: Axis of each matrix that is summed over.
    scale: Scale that gives the dtypes.
  """
  return _similarity.multiply(
    left,
    right,
    contract,
    dtype=scale.inverse_temperature.dtype,
    matmul_dtype=scale.matmul_dtype,
  )


def loop_zeros(
  shape: tuple[int, ...], scale: Scale, *sources: Any
) -> jax.Array:
  """Returns zeros that a loop over tiles begins with.

  Args:
    shape: Shape of the result.
    scale: Scale of the logits.
    *sources: Trees of all arrays that the loop reads.

  Returns:
    Zeros in the dtype of the scale, which vary over the same mapped axes as the
    sources.
  """
  # Inside jax.shard_map a loop must keep the type it begins with, and the
  # mapped axes that a value varies over are part of its type.
  dtype = scale.inverse_temperature.dtype
  zero = sum(
    jnp.zeros_like(leaf, shape=(), dtype=dtype)
    for leaf in jax.tree.leaves((scale, sources))
    if isinstance(leaf, jax.Array)
  )
  return jnp.broadcast_to(zero, shape)


def empty_sums(zeros: jax.Array, scale: Scale) -> Sums:
  """Returns sums of n anchors without terms.

  Args:
    zeros: Zeros [n] from `loop_zeros`.
    scale: Scale of the logits.

  Returns:
    Sums [n].
  """
  # No logit is below minus the bound: a shift there is never too high.
  bound = scale.inverse_temperature
  return Sums(zeros + (bound if scale.is_bounded else -bound), zeros)


def accumulate(
  sums: tuple[Sums, Sums],
  tile: Similarity,
  scale: Scale,
  positives: Positives,
  *,
  side: Side,
) -> tuple[Sums, Sums]:
  """Adds the terms of one tile to the sums of the n anchors on one side.

  Args:
    sums: Sums over the keys and over the positives of these anchors.
    tile: Tile [n, m] for the side "anchors", [m, n] for "keys".
    scale: Scale of the logits.
    positives: Term of the positives; a linear one sums their logits.
    side: Side of the tile that these anchors are on.

  Returns:
    Both sums.
  """
  axis = _summed_axis(side)
  over_keys, over_positives = sums
  over_keys = _add_exponentials(
    over_keys, tile.logits, tile.is_key, scale, axis
  )
  if positives.is_linear:
    total = _masked_sum(tile.logits, tile.is_positive, axis)
    over_positives = Sums(over_positives.shift, over_positives.total + total)
  else:
    over_positives = _add_exponentials(
      over_positives, tile.logits, tile.is_positive, scale, axis
    )
  return over_keys, over_positives


def values_and_statistics(
  sums: tuple[Sums, Sums], counts: jax.Array, positives: Positives
) -> tuple[jax.Array, Statistics]:
  """Computes the loss of each anchor from its complete sums.

  Args:
    sums: Sums over the keys and over the positives of n anchors.
    counts: Number [n] of positives of each row; 0 makes it no anchor.
    positives: Term of the positives.

  Returns:
    Values [n], 0 for rows that are not anchors, and statistics.
  """
  over_keys, over_positives = sums
  divisors = jnp.maximum(counts, 1).astype(over_keys.total.dtype)
  log_counts = jnp.log(divisors)
  if positives.is_linear:
    means = over_positives.total / divisors
    values, own = over_keys.log_minus(means, 0), log_counts
  else:
    shift, log_total = over_positives.shift, jnp.log(over_positives.total)
    values, own = over_keys.log_minus(shift, log_total), shift + log_total
    if positives is Positives.LOG_MEAN_EXP:
      values += log_counts
  is_anchor = counts > 0
  statistics = Statistics(over_keys.log(), own)
  return jnp.where(is_anchor, values, 0), Statistics(
    *(jnp.where(is_anchor, each, jnp.inf) for each in statistics)
  )


def logit_gradients(
  tile: Similarity,
  statistics: Statistics,
  scale: Scale,
  positives: Positives,
  *,
  side: Side,
) -> jax.Array:
  """Returns the derivatives of the values of n anchors by the logits.

  Args:
    tile: Tile [n, m] for the side "anchors", [m, n] for "keys".
    statistics: Statistics of these anchors.
    scale: Scale of the logits.
    positives: Term of the positives.
    side: Side of the tile that these anchors are on.

  Returns:
    Derivatives in the shape of the logits, times the scale's `weight_factor`
    and not yet divided by the number of anchors.
  """
  axis = _summed_axis(side)
  logits, is_key, is_positive = tile
  share = _exponentials(logits, statistics.over_keys, scale, axis)
  if positives.is_linear:
    own = jnp.expand_dims(jnp.exp(-statistics.over_positives), axis)
  else:
    own = _exponentials(logits, statistics.over_positives, scale, axis)
  # Subtracted before the product rounds them: they may be nearly equal.
  total = jnp.where(is_key, share, 0) - jnp.where(is_positive, own, 0)
  return total if scale.weight_factor == 1 else total * scale.weight_factor


def unit_gradients(weighted: jax.Array, scale: Scale) -> jax.Array:
  """Returns the gradients by the units.

  Args:
    weighted: Sums [n, d] of units, weighted by `logit_gradients`.
    scale: Scale of the logits.
  """
  return weighted * (scale.inverse_temperature / scale.weight_factor)


def _summed_axis(side: Side) -> int:
  """Returns the axis of a tile along which the keys of one side's rows lie."""
  return 1 if side == "anchors" else 0


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
  """Returns exp(logits - log_total), with log_total [n] of the anchors."""
  if not scale.is_bounded:
    return jnp.exp(logits - jnp.expand_dims(log_total, axis))
  # The first factor is the same for both rows of a pair: computed once.
  bound = scale.inverse_temperature
  factor = jnp.expand_dims(jnp.exp(bound - log_total), axis)
  return jnp.exp(logits - bound) * factor


def _masked_sum(terms: jax.Array, is_term: jax.Array, axis: int) -> jax.Array:
  return jnp.sum(jnp.where(is_term, terms, 0), axis)
