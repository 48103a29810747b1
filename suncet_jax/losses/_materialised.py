"""The mean of anchors' values from one matrix of all similarities.

The simplest form, and the fastest one for a few thousand rows. It is plain JAX
and has derivatives of any order, forward and backward.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses._partition import everywhere
from suncet_jax.losses._reduce import masked_logsumexp, mean_over_anchors
from suncet_jax.losses._similarity import (
  AxisName,
  Similarity,
  first_row,
  multiply,
)
from suncet_jax.losses._tile import Positives


def mean_value(
  units: jax.Array,
  labels: jax.Array,
  positives: Positives,
  *,
  temperature: ArrayLike,
  axis_name: AxisName | None,
  stop_gradient_keys: bool,
  matmul_dtype: DTypeLike | None,
) -> jax.Array:
  """Averages log-sum-exp over keys, less what positives give, over anchors.

  Args:
    units: `[n, d]`, float32 or float64, rows of length 1 or 0.
    labels: `[n]`, integer, negative = unlabelled (neither anchor nor key).
    positives: what they give: the log-sum-exp or the mean of their logits.
    temperature: scalar > 0.
    axis_name: the mapped axis that rows are gathered over.
    stop_gradient_keys: whether the keys are constants to the gradient.
    matmul_dtype: of the operands of the product; None for their own.

  Returns:
    Scalar of the dtype of the units, the same on all devices.
  """
  similarity = _compare(
    units, labels, temperature, axis_name, stop_gradient_keys, matmul_dtype
  )
  logits, is_key, is_positive = similarity
  over_keys = masked_logsumexp(logits, is_key)
  if positives == "mean":
    over_positives = _masked_mean(logits, is_positive)
  else:
    over_positives = masked_logsumexp(logits, is_positive)
  has_positive = is_positive.any(axis=1)
  return mean_over_anchors(over_keys - over_positives, has_positive, axis_name)


def _compare(
  units: jax.Array,
  labels: jax.Array,
  temperature: ArrayLike,
  axis_name: AxisName | None,
  stop_gradient_keys: bool,
  matmul_dtype: DTypeLike | None,
) -> Similarity:
  """Compares the local rows, as anchors, with the rows of all devices."""
  keys, key_labels = everywhere(units, axis_name), everywhere(labels, axis_name)
  if stop_gradient_keys:
    keys = jax.lax.stop_gradient(keys)
  logits = multiply(
    units, keys, (1, 1), dtype=units.dtype, matmul_dtype=matmul_dtype
  )
  logits = logits / jnp.asarray(temperature, logits.dtype)
  is_other = ~_is_self(labels.shape[0], key_labels.shape[0], axis_name)
  is_key = is_other & (labels >= 0)[:, None] & (key_labels >= 0)[None, :]
  is_positive = is_key & (labels[:, None] == key_labels[None, :])
  return Similarity(logits, is_key, is_positive)


def _is_self(n: int, m: int, axis_name: AxisName | None) -> jax.Array:
  """Marks each anchor's own key, `[n, m]` bool."""
  rows = first_row(n, axis_name) + jnp.arange(n)
  return rows[:, None] == jnp.arange(m)[None, :]


def _masked_mean(logits: jax.Array, is_term: jax.Array) -> jax.Array:
  """Returns the mean of some entries of each row, 0 where there is none."""
  total = jnp.sum(jnp.where(is_term, logits, 0), axis=1)
  count = jnp.maximum(jnp.sum(is_term, axis=1), 1)
  return total / count.astype(logits.dtype)
