"""Checks of callers' arguments, made while tracing."""

import numbers

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike


def checked_embeddings(name: str, embeddings: ArrayLike) -> jax.Array:
  """Returns `embeddings` as an array, after checking them.

  Args:
    name: Name of the argument in the message.
    embeddings: Floating embeddings [n, d].

  Returns:
    Array [n, d] of the same dtype.

  Raises:
    TypeError: The dtype is not floating.
    ValueError: The rank is not 2.
  """
  embeddings = jnp.asarray(embeddings)
  if not jnp.issubdtype(embeddings.dtype, jnp.floating):
    raise TypeError(
      f"{name} must have a floating dtype, got {embeddings.dtype}."
    )
  if embeddings.ndim != 2:
    raise ValueError(
      f"{name} must have rank 2, [n, d], got rank {embeddings.ndim} with "
      f"shape {embeddings.shape}."
    )
  return embeddings


def checked_pair(
  first: ArrayLike, second: ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Returns two views as arrays, after checking them.

  Args:
    first: Floating embeddings [n, d].
    second: Floating embeddings [n, d]; row i is of the same image as row i of
      `first`.

  Returns:
    Both as arrays of the same dtypes.

  Raises:
    TypeError: A dtype is not floating.
    ValueError: A rank is not 2, or the shapes differ.
  """
  first = checked_embeddings("first", first)
  second = checked_embeddings("second", second)
  if first.shape != second.shape:
    raise ValueError(
      "first and second must have the same shape, [n, d], got "
      f"{first.shape} and {second.shape}."
    )
  return first, second


def checked_labels(labels: ArrayLike, n: int) -> jax.Array:
  """Returns `labels` as an array, after checking them.

  Args:
    labels: Integer labels [n].
    n: Number of rows of the embeddings.

  Returns:
    Integer labels [n].

  Raises:
    TypeError: The dtype is not an integer one.
    ValueError: The shape is not [n].
  """
  labels = jnp.asarray(labels)
  if not jnp.issubdtype(labels.dtype, jnp.integer):
    raise TypeError(f"labels must have an integer dtype, got {labels.dtype}.")
  if labels.shape != (n,):
    raise ValueError(
      f"labels must have shape ({n},), one per row of the embeddings, got "
      f"shape {labels.shape}."
    )
  return labels


def check_options(
  temperature: ArrayLike,
  block_size: int | None,
  matmul_dtype: DTypeLike | None,
  units: jax.Array,
) -> None:
  """Raises an error for options that are not valid.

  Args:
    temperature: Temperature, a scalar > 0; traced and device values are not
      checked.
    block_size: Block size, None or an integer >= 0.
    matmul_dtype: Dtype of the operands of products, None or a floating one.
    units: Rows in the dtype of the sums.

  Raises:
    TypeError: `block_size` is neither None nor an integer, or `matmul_dtype`
      is not floating or wider than the sums.
    ValueError: `temperature` is not a scalar, or is a number that is not > 0,
      or `block_size` is negative.
  """
  if jnp.ndim(temperature) != 0:
    raise ValueError(
      "temperature must be a scalar, got an array of shape "
      f"{jnp.shape(temperature)}."
    )
  if isinstance(temperature, numbers.Real) and not temperature > 0:
    raise ValueError(f"temperature must be > 0, got {temperature}.")
  _check_block_size(block_size)
  _check_matmul_dtype(matmul_dtype, units.dtype)


def _check_block_size(block_size: int | None) -> None:
  if block_size is None:
    return
  if not isinstance(block_size, numbers.Integral):
    raise TypeError(
      "block_size must be None or an integer, the rows of a block, got "
      f"{block_size!r}."
    )
  if block_size < 0:
    raise ValueError(
      "block_size must be >= 0, the rows of a block (0: no blocks), got "
      f"{block_size}."
    )


def _check_matmul_dtype(
  matmul_dtype: DTypeLike | None, dtype: jnp.dtype
) -> None:
  if matmul_dtype is None:
    return
  if not jnp.issubdtype(matmul_dtype, jnp.floating):
    raise TypeError(
      f"matmul_dtype must be a floating dtype, got {jnp.dtype(matmul_dtype)}."
    )
  if jnp.finfo(matmul_dtype).bits > jnp.finfo(dtype).bits:
    raise TypeError(
      "matmul_dtype must not be wider than the dtype of the sums, "
      f"{dtype}, got {jnp.dtype(matmul_dtype)}."
    )
