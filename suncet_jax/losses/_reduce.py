"""Sums over masked entries, and means over the anchors of all devices."""

import jax
import jax.numpy as jnp

from suncet_jax.losses._similarity import AxisName


def masked_logsumexp(logits: jax.Array, is_term: jax.Array) -> jax.Array:
  """Takes log(sum(exp(logits))) of each row over some of its entries.

  Args:
    logits: `[n, m]`, floating.
    is_term: `[n, m]` bool, the entries that count.

  Returns:
    `[n]`. A row without terms gives 0, with zero gradient.
  """
  has_term = is_term.any(axis=1)
  terms = jnp.where(is_term, logits, -jnp.inf)
  # The gradient of a row of nothing but -inf is NaN, even if it is not used.
  terms = jnp.where(has_term[:, None], terms, 0)
  return jnp.where(has_term, jax.nn.logsumexp(terms, axis=1), 0)


def count_positives(labels: jax.Array) -> jax.Array:
  """Counts the other rows of each row's class, without comparing all pairs.

  Args:
    labels: `[m]`, integer, negative = unlabelled.

  Returns:
    `[m]` int32, 0 for unlabelled rows.
  """
  ordered = jnp.sort(labels)
  end = jnp.searchsorted(ordered, labels, side="right", method="sort")
  start = jnp.searchsorted(ordered, labels, side="left", method="sort")
  return jnp.where(labels >= 0, end - start - 1, 0)


def mean_over_anchors(
  values: jax.Array, is_valid: jax.Array, axis_name: AxisName | None
) -> jax.Array:
  """Averages over the valid anchors of all devices.

  Args:
    values: `[n]`, one value for each local anchor.
    is_valid: `[n]` bool, the anchors that count.
    axis_name: the mapped axis that anchors are spread over.

  Returns:
    Scalar, the same on all devices; 0 if there is no valid anchor.
  """
  total = jnp.sum(jnp.where(is_valid, values, 0))
  count = jnp.sum(is_valid)
  if axis_name is not None:
    # Sum and count apart: devices may hold unequal numbers of valid anchors.
    total, count = jax.lax.psum((total, count), axis_name)
  return total / jnp.maximum(count, 1).astype(total.dtype)
