"""Checks of callers' arrays, made before anything is compiled."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.integers import exact_integers, mend


def checked_embeddings(
  function: str, name: str, embeddings: ArrayLike, axes: str = "n, d"
) -> jax.Array:
  """Returns `embeddings` as an array, after checking them.

  Args:
    function: Name of the loss in the message.
    name: Name of the argument in the message.
    embeddings: Floating embeddings.
    axes: Letters of the axes that they must have.

  Returns:
    Array of the same shape and dtype.

  Raises:
    TypeError: The dtype is not floating, or some are masked.
    ValueError: The rank is wrong.
  """
  if np.ma.is_masked(embeddings):
    raise TypeError(
      f"losses.{function}: {name} are a masked array, got some that are masked."
    )
  embeddings = jnp.asarray(embeddings)
  if not jnp.issubdtype(embeddings.dtype, jnp.floating):
    raise TypeError(
      f"losses.{function}: {name} must have a floating dtype, got "
      f"{embeddings.dtype}."
    )
  rank = axes.count(",") + 1
  if embeddings.ndim != rank:
    raise ValueError(
      f"losses.{function}: {name} must have rank {rank}, [{axes}], got rank "
      f"{embeddings.ndim} with shape {embeddings.shape}."
    )
  return embeddings


def checked_pair(
  function: str, first: ArrayLike, second: ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Returns two views as arrays, after checking them.

  Args:
    function: Name of the loss in the message.
    first: Floating embeddings [n, d].
    second: Floating embeddings [n, d]; row i is of the same image as row i of
      `first`.

  Returns:
    Both as arrays of the same dtypes.

  Raises:
    TypeError: A dtype is not floating.
    ValueError: A rank is not 2, or the shapes differ.
  """
  first = checked_embeddings(function, "first", first)
  second = checked_embeddings(function, "second", second)
  if first.shape != second.shape:
    raise ValueError(
      f"losses.{function}: first and second must have the same shape, [n, d], "
      f"got {first.shape} and {second.shape}."
    )
  return first, second


def checked_labelled(
  function: str, embeddings: ArrayLike, labels: ArrayLike
) -> tuple[jax.Array, jax.Array]:
  """Returns embeddings and their labels as arrays, after checking them.

  Args:
    function: Name of the loss in the message.
    embeddings: Floating embeddings [n, d].
    labels: Integer labels [n], of any size where their values are known.

  Returns:
    Embeddings [n, d] and integer labels [n], equal where those given are and
    negative where those given are.

  Raises:
    TypeError: Embeddings are not floating, or labels not integers.
    ValueError: A shape is wrong.
  """
  embeddings = checked_embeddings(function, "embeddings", embeddings)
  if _is_known(labels):
    labels = _classes(
      exact_integers("labels", labels, where=f"losses.{function}: ")
    )
  return embeddings, _one_per_row(function, labels, embeddings.shape[0])


def checked_numbers(function: str, labels: ArrayLike, n: int) -> jax.Array:
  """Returns labels that are numbers of classes as an array, after checking.

  Args:
    function: Name of the loss in the message.
    labels: Integer labels [n].
    n: Number of rows.

  Returns:
    Integer labels [n]; those that are known and beyond 32 bits are taken to
    the nearest number that is not.

  Raises:
    TypeError: Labels are not integers.
    ValueError: The shape is wrong.
  """
  if _is_known(labels):
    exact = exact_integers("labels", labels, where=f"losses.{function}: ")
    labels = np.clip(exact, -1, np.iinfo(np.int32).max).astype(np.int32)
  return _one_per_row(function, labels, n)


def _one_per_row(function: str, labels: ArrayLike, n: int) -> jax.Array:
  labels = jnp.asarray(labels)
  if not jnp.issubdtype(labels.dtype, jnp.integer):
    raise TypeError(
      f"losses.{function}: labels must have an integer dtype, got "
      f"{labels.dtype}." + mend("labels", labels.shape, labels.dtype)
    )
  if labels.shape != (n,):
    raise ValueError(
      f"losses.{function}: labels must have shape ({n},), one per row of the "
      f"embeddings, got shape {labels.shape}."
      + mend("labels", labels.shape, labels.dtype)
    )
  return labels


def _is_known(labels: Any) -> bool:
  """Returns whether the values are on the host, or may be taken there."""
  arrays = [
    each for each in jax.tree.leaves(labels) if isinstance(each, jax.Array)
  ]
  if not arrays:
    return True
  # An array of 64 bits that was made in JAX's 64-bit mode and outlived it.
  return (
    arrays[0] is labels
    and not isinstance(labels, jax.core.Tracer)
    and jax.dtypes.canonicalize_dtype(labels.dtype) != labels.dtype
  )


def _classes(labels: np.ndarray) -> np.ndarray:
  """Returns int32 labels that are equal where exact integers are."""
  if labels.size and labels.max() > np.iinfo(np.int32).max:
    _, numbers = np.unique(labels, return_inverse=True)
    labels = np.where(labels < 0, -1, numbers.reshape(labels.shape))
  if labels.dtype.kind != "u":
    labels = np.maximum(labels, -1)
  return labels.astype(np.int32)
