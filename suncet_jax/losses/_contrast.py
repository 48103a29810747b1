"""Loss of labelled rows, as one matrix or in blocks, whichever suits."""

import numbers

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _blockwise, _checks, _materialised
from suncet_jax.losses._similarity import AxisName, axis_size, l2_normalize
from suncet_jax.losses._tile import Positives

# Number of keys from which on blocks are the default.
MANY_KEYS = 2048

# exp(-2 / temperature) is then far from the smallest float32.
_LEAST_BOUNDED_TEMPERATURE = 1 / 40


def labelled_rows(
  embeddings: ArrayLike, labels: ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Checks embeddings and labels, and normalises the labelled rows.

  Args:
    embeddings: Floating embeddings [n, d].
    labels: Integer labels [n]; negative: unlabelled.

  Returns:
    Units [n, d], float32 or float64, and labels [n]. Unlabelled rows are zero.

  Raises:
    TypeError: Embeddings are not floating or labels not integer.
    ValueError: Shapes are wrong.
  """
  embeddings = _checks.checked_embeddings("embeddings", embeddings)
  labels = _checks.checked_labels(labels, embeddings.shape[0])
  # Before anything is computed: not even NaN in an unlabelled row may reach
  # another row or a gradient.
  embeddings = jnp.where((labels >= 0)[:, None], embeddings, 0)
  return l2_normalize(embeddings), labels


def contrast(
  units: jax.Array,
  labels: jax.Array,
  positives: Positives,
  *,
  temperature: ArrayLike,
  axis_name: AxisName | None,
  stop_gradient_keys: bool,
  block_size: int | None,
  matmul_dtype: DTypeLike | None,
) -> jax.Array:
  """Averages log-sum-exp over keys, less the positives' term, over anchors.

  Args:
    units: Embeddings [n, d], float32 or float64, rows no longer than 1.
    labels: Integer labels [n]; negative: unlabelled (neither anchor nor key).
    positives: Term of the positives.
    temperature: Temperature, a scalar > 0.
    axis_name: Mapped axis that rows are spread over.
    stop_gradient_keys: Whether the gradient treats keys as constants.
    block_size: Rows in a block; 0: no blocks; None chooses.
    matmul_dtype: Dtype of the operands of products; None keeps theirs.

  Returns:
    Scalar in the dtype of the units, the same on all devices.
  """
  if not _is_blockwise(units.shape[0], axis_name, block_size):
    return _materialised.mean_value(
      units,
      labels,
      positives,
      temperature=temperature,
      axis_name=axis_name,
      stop_gradient_keys=stop_gradient_keys,
      matmul_dtype=matmul_dtype,
    )
  options = _blockwise.Options(
    positives,
    axis_name,
    stop_gradient_keys,
    block_size,
    None if matmul_dtype is None else jnp.dtype(matmul_dtype),
    is_bounded=_is_bounded(temperature),
  )
  temperature = jnp.asarray(temperature, units.dtype)
  return _blockwise.mean_value(units, labels, temperature, options)


def _is_blockwise(
  n: int, axis_name: AxisName | None, block_size: int | None
) -> bool:
  """Returns whether to compute a loss in blocks.

  Args:
    n: Number of rows on each device.
    axis_name: Mapped axis that rows are spread over.
    block_size: Block size that the caller asked for.
  """
  if n == 0 or block_size == 0:
    return False
  return block_size is not None or n * axis_size(axis_name) >= MANY_KEYS


def _is_bounded(temperature: ArrayLike) -> bool:
  # The value of a traced temperature is not known.
  if not isinstance(temperature, numbers.Real):
    return False
  return float(temperature) >= _LEAST_BOUNDED_TEMPERATURE
