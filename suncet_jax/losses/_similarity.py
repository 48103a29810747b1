"""Rows of length 1, their positions among all devices, and their products."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

AxisName: TypeAlias = str | tuple[str, ...]

# Rows shorter than this are not stretched to length 1.
_TINY = 1e-12
_HUGE = 2.0**64


def l2_normalize(embeddings: jax.Array) -> jax.Array:
  """Scales every row to length 1, except the very shortest.

  Args:
    embeddings: Floating embeddings [n, d] of any finite magnitude.

  Returns:
    Rows / max(norm, 1e-12), [n, d] float32, or float64 for float64 input. Rows
    shorter than 1e-12, zero rows among them, receive no gradient.
  """
  is_double = embeddings.dtype == jnp.float64
  embeddings = embeddings.astype(jnp.float64 if is_double else jnp.float32)
  # Squares of large or small rows overflow or underflow. Dividing by the
  # largest entry prevents it; as the result does not depend on that factor,
  # leaving it out of the gradient is exact.
  largest = jnp.max(jnp.abs(embeddings), axis=1, keepdims=True, initial=_TINY)
  largest = jax.lax.stop_gradient(largest)
  # The inverse of the very largest numbers, which XLA may multiply by in place
  # of the division, is subnormal, and so 0.
  shrink = jnp.where(largest > _HUGE, 1 / _HUGE, 1).astype(embeddings.dtype)
  scaled = embeddings * shrink / (largest * shrink)
  squared_norm = jnp.sum(jnp.square(scaled), axis=1, keepdims=True)
  # These rows have hardly any direction, and their gradient would be of the
  # order of 1e12.
  is_short = (largest <= _TINY) & (squared_norm < 1)
  scaled = jnp.where(is_short, jax.lax.stop_gradient(scaled), scaled)
  return scaled * jax.lax.rsqrt(jnp.where(is_short, 1, squared_norm))


def first_row(n: int, axis_name: AxisName | None) -> ArrayLike:
  """Returns the position of this device's first row among all rows.

  Args:
    n: Number of rows on each device.
    axis_name: Mapped axis; None outside of one.

  Returns:
    Integer scalar.
  """
  return 0 if axis_name is None else n * jax.lax.axis_index(axis_name)


def axis_size(axis_name: AxisName | None) -> int:
  """Returns the number of devices of a mapped axis, 1 outside of one."""
  return 1 if axis_name is None else jax.lax.axis_size(axis_name)


def gather(rows: jax.Array, axis_name: AxisName) -> jax.Array:
  """Collects the rows of all devices, in the order of the devices.

  Args:
    rows: Rows [n, ...] of this device.
    axis_name: Mapped axis.

  Returns:
    Rows [m, ...] of all devices.
  """
  return jax.lax.all_gather(rows, axis_name, tiled=True)


def positions_of(n: int, axis_name: AxisName | None) -> jax.Array:
  """Returns the position of each local row among the rows of all devices.

  Args:
    n: Number of rows on each device.
    axis_name: Mapped axis; None outside of one.

  Returns:
    Integer positions [n].
  """
  return jnp.asarray(first_row(n, axis_name) + jnp.arange(n))


def own_rows(rows: jax.Array, n: int, axis_name: AxisName | None) -> jax.Array:
  """Returns this device's rows out of all rows: the inverse of `gather`.

  Args:
    rows: Rows [m, ...] of all devices.
    n: Number of rows on each device.
    axis_name: Mapped axis; None outside of one.

  Returns:
    Rows [n, ...] of this device.
  """
  if axis_name is None:
    return rows
  start = first_row(n, axis_name)
  return jax.lax.dynamic_slice_in_dim(rows, start, n)


def interleave(first: jax.Array, second: jax.Array) -> jax.Array:
  """Interleaves two views: rows 2i and 2i + 1 become views of image i.

  Args:
    first: Rows [n, d].
    second: Rows [n, d]; row i is of the same image as row i of `first`.

  Returns:
    Rows [2n, d].
  """
  # Concatenating the views would move rows that are split over a mesh.
  return jnp.stack([first, second], axis=1).reshape(-1, first.shape[1])


def multiply(
  left: jax.Array,
  right: jax.Array,
  contract: tuple[int, int],
  *,
  dtype: DTypeLike,
  matmul_dtype: DTypeLike | None = None,
) -> jax.Array:
  """Multiplies two matrices.

  Args:
    left: Floating matrix of rank 2.
    right: Floating matrix of rank 2.
    contract: Axis of each matrix that is summed over.
    dtype: Dtype of the sums and of the result.
    matmul_dtype: Dtype that the operands are cast to; None keeps theirs.

  Returns:
    Product of rank 2.
  """
  precision = jax.lax.Precision.DEFAULT
  if matmul_dtype is None:
    # Accelerators multiply float32 in fewer bits by default. That speed is
    # available by naming a `matmul_dtype`, even float32.
    precision = jax.lax.Precision.HIGHEST
  else:
    left, right = left.astype(matmul_dtype), right.astype(matmul_dtype)
  return jax.lax.dot_general(
    left,
    right,
    (((contract[0],), (contract[1],)), ((), ())),
    precision=precision,
    preferred_element_type=dtype,
  )
