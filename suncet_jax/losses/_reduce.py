"""Sums over masked entries, and means over the anchors of all devices."""

import jax
import jax.numpy as jnp

from suncet_jax.losses._similarity import AxisName


def masked_logsumexp(logits: jax.Array, is_term: jax.Array) -> jax.Array:
  """Computes log(sum(exp(logits))) of each row over some of its entries.

  Args:
    logits: Floating logits [n, m].
    is_term: Mask [n, m] bool of the entries that count.

  Returns:
    Log-sum-exp [n]. A row without terms gives 0, with zero gradient.
  """
  has_term = is_term.any(axis=1)
  terms = jnp.where(is_term, logits, -jnp.inf)
  # The gradient of a row of -inf alone is NaN, even if it is not used.
  terms = jnp.where(has_term[:, None], terms, 0)
  return jnp.where(has_term, jax.nn.logsumexp(terms, axis=1), 0)


def count_positives(labels: jax.Array) -> jax.Array:
  """Counts the other rows in the class of each row.

  Args:
    labels: Integer labels [m]; negative: unlabelled.

  Returns:
    Counts [m] int32, 0 for unlabelled rows.
  """
  # Sorting takes less time and memory than comparing all pairs.
  ordered = jnp.sort(labels)
  end = jnp.searchsorted(ordered, labels, side="right", method="sort")
  start = jnp.searchsorted(ordered, labels, side="left", method="sort")
  return jnp.where(labels >= 0, end - start - 1, 0)


def mean_over_anchors(
  values: jax.Array, is_valid: jax.Array, axis_name: AxisName | None
) -> jax.Array:
  """Averages over the valid anchors of all devices.

  Args:
    values: Values [n] of the local anchors.
    is_valid: Mask [n] bool of the anchors that count.
    axis_name: Mapped axis that anchors are spread over.

  Returns:
    Scalar, the same on all devices; 0 if there is no valid anchor.
  """
  total = jnp.sum(jnp.where(is_valid, values, 0))
  count = jnp.sum(is_valid)
  if axis_name is not None:
    # No mean of means: devices may hold unequal numbers of valid anchors.
    total, count = jax.lax.psum((total, count), axis_name)
  return total / jnp.maximum(count, 1).astype(total.dtype)


def mean_of_rows(rows: jax.Array, axis_name: AxisName | None) -> jax.Array:
  """Averages rows of all devices, each of which has as many.

  Args:
    rows: Rows [n, c] of this device.
    axis_name: Mapped axis that rows are spread over.

  Returns:
    Mean [c], the same on all devices; 0 without rows.
  """
  mean = jnp.sum(rows, axis=0) / max(rows.shape[0], 1)
  return mean if axis_name is None else jax.lax.pmean(mean, axis_name)
