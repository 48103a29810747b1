"""The mean of anchors' values from one matrix of all similarities.

The simplest form, and the fastest one for a few thousand rows. It is plain JAX
and has derivatives of any order, forward and backward.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses._partition import all_rows
from suncet_jax.losses._quantities import Positives, Request, Scale
from suncet_jax.losses._reduce import masked_logsumexp, mean_over_anchors
from suncet_jax.losses._similarity import AxisName, positions_of
from suncet_jax.losses._tile import similarity_tile


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
  """Averages log-sum-exp over keys, less the positives' term, over anchors.

  Args:
    units: Embeddings [n, d], float32 or float64, rows no longer than 1.
    labels: Integer labels [n]; negative: unlabelled (neither anchor nor key).
    positives: Term of the positives.
    temperature: Temperature, a scalar > 0.
    axis_name: Mapped axis that rows are gathered over.
    stop_gradient_keys: Whether the gradient treats keys as constants.
    matmul_dtype: Dtype of the operands of the product; None keeps theirs.

  Returns:
    Scalar in the dtype of the units, the same on all devices.
  """
  rows = Request(
    units, labels, labels >= 0, positions_of(labels.size, axis_name)
  )
  keys = all_rows(rows, positives, axis_name)
  if stop_gradient_keys:
    keys = keys._replace(units=jax.lax.stop_gradient(keys.units))
  scale = Scale(
    inverse_temperature=1 / jnp.asarray(temperature, units.dtype),
    is_bounded=False,
    matmul_dtype=matmul_dtype,
  )
  logits, is_key, is_positive = similarity_tile(
    rows, keys, scale, each_pair_once=False
  )
  values = masked_logsumexp(logits, is_key)
  counts = jnp.sum(is_positive, axis=1)
  divisors = jnp.maximum(counts, 1).astype(units.dtype)
  if positives.is_linear:
    values -= jnp.sum(jnp.where(is_positive, logits, 0), axis=1) / divisors
  else:
    values -= masked_logsumexp(logits, is_positive)
    if positives is Positives.LOG_MEAN_EXP:
      values += jnp.log(divisors)
  return mean_over_anchors(values, counts > 0, axis_name)
