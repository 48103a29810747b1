"""The losses of rows, as one matrix or in blocks, whichever suits."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from suncet_jax.devices import cpu
from suncet_jax.devices.target import target_platform
from suncet_jax.losses import _blockwise, _materialised
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._quantities import Positives
from suncet_jax.losses._similarity import (
  AxisName,
  axis_size,
  interleave,
  l2_normalize,
  positions_of,
)

# Number of keys from which on blocks are the default.
MANY_KEYS = 2048

_STATIC = (
  "positives",
  "axis_name",
  "stop_gradient_keys",
  "block_size",
  "matmul_dtype",
  "is_bounded",
)


# Outside of `jax.jit`, too, a loss and its gradient are a compiled program
# each: compiled one by one, their operations would take several times as long.
@functools.partial(jax.jit, static_argnames=_STATIC)
@maps_explicit_rows
def of_labelled(
  embeddings: jax.Array, labels: jax.Array, **options: Any
) -> jax.Array:
  """Returns the loss of labelled rows.

  Args:
    embeddings: Floating embeddings [n, d].
    labels: Integer labels [n]; negative: unlabelled.
    **options: Options of `_contrast`.
  """
  # Before anything is computed: not even NaN in an unlabelled row may reach
  # another row or a gradient.
  embeddings = jnp.where((labels >= 0)[:, None], embeddings, 0)
  return _contrast(l2_normalize(embeddings), labels, **options)


@functools.partial(jax.jit, static_argnames=_STATIC)
@maps_explicit_rows
def of_pairs(first: jax.Array, second: jax.Array, **options: Any) -> jax.Array:
  """Returns the loss of two views, each the only positive of the other.

  Args:
    first: Floating embeddings [n, d].
    second: Floating embeddings [n, d].
    **options: Options of `_contrast`.
  """
  units = l2_normalize(interleave(first, second))
  images = positions_of(units.shape[0], options["axis_name"]) // 2
  return _contrast(units, images, **options)


def _contrast(
  units: jax.Array,
  labels: jax.Array,
  *,
  positives: Positives,
  temperature: jax.Array,
  is_bounded: bool,
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
    is_bounded: See `Scale`.
    axis_name: Mapped axis that rows are spread over.
    stop_gradient_keys: Whether the gradient treats keys as constants.
    block_size: Rows in a block; 0: no blocks; None chooses.
    matmul_dtype: Dtype of the operands of products; None keeps theirs.

  Returns:
    Scalar in the dtype of the units, the same on all devices.
  """
  if _is_slow(matmul_dtype):
    info = jnp.finfo(matmul_dtype)
    units = jax.lax.reduce_precision(units, info.nexp, info.nmant)
    matmul_dtype = None
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
    matmul_dtype,
    is_bounded,
  )
  temperature = jnp.asarray(temperature, units.dtype)
  return _blockwise.mean_value(units, labels, temperature, options)


def _is_slow(matmul_dtype: DTypeLike | None) -> bool:
  """Returns whether products take longer than those of rounded float32."""
  return (
    matmul_dtype == jnp.bfloat16
    and target_platform() == "cpu"
    and not cpu.has_bfloat16()
  )


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
