"""The loss of rows with labels, in the form that suits its size."""

import numbers

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _blockwise, _checks, _materialised
from suncet_jax.losses._similarity import AxisName, axis_size, l2_normalize
from suncet_jax.losses._tile import Positives

# From this number of keys on, blocks are chosen where nobody says otherwise.
MANY_KEYS = 2048

# exp(-2 / temperature) is then far from the smallest float32.
_LEAST_BOUNDED_TEMPERATURE = 1 / 40


def labelled_rows(
  embeddings: ArrayLike, labels: ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Checks what callers pass, and normalises.

  Args:
    embeddings: `[n, d]`, floating.
    labels: `[n]`, integer, negative = unlabelled.

  Returns:
    Units `[n, d]`, float32 or float64, and labels `[n]`. Unlabelled rows are
    zero, so that not even NaN in them reaches another row or a gradient.

  Raises:
    TypeError: embeddings are not floating or labels not integer.
    ValueError: wrong shapes.
  """
  embeddings = _checks.checked_embeddings("embeddings", embeddings)
  labels = _checks.checked_labels(labels, embeddings.shape[0])
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
  """Averages log-sum-exp over keys, less what positives give, over anchors.

  Args:
    units: `[n, d]`, float32 or float64, rows no longer than 1.
    labels: `[n]`, integer, negative = unlabelled (neither anchor nor key).
    positives: what they give.
    temperature: scalar > 0.
    axis_name: the mapped axis that rows are spread over.
    stop_gradient_keys: whether the keys are constants to the gradient.
    block_size: rows of a block; 0 for none, None chooses.
    matmul_dtype: of the operands of products; None for their own.

  Returns:
    Scalar of the dtype of the units, the same on all devices.
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
  plan = _blockwise.Options(
    positives,
    axis_name,
    stop_gradient_keys,
    block_size,
    None if matmul_dtype is None else jnp.dtype(matmul_dtype),
    is_bounded=_is_bounded(temperature),
  )
  temperature = jnp.asarray(temperature, units.dtype)
  return _blockwise.mean_value(units, labels, temperature, plan)


def _is_blockwise(
  n: int, axis_name: AxisName | None, block_size: int | None
) -> bool:
  """Returns whether a loss works in blocks.

  Args:
    n: rows of each device.
    axis_name: the mapped axis that rows are spread over.
    block_size: what the caller asked for.
  """
  if n == 0 or block_size == 0:
    return False
  return block_size is not None or n * axis_size(axis_name) >= MANY_KEYS


def _is_bounded(temperature: ArrayLike) -> bool:
  # The value of a traced temperature is not known.
  if not isinstance(temperature, numbers.Real):
    return False
  return float(temperature) >= _LEAST_BOUNDED_TEMPERATURE
