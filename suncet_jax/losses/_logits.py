"""Checks of logits and probabilities, and cross-entropies that stay finite."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses._checks import checked_embeddings


def checked_logits(function: str, name: str, logits: ArrayLike) -> jax.Array:
  """Returns logits, or probabilities, as an array of float32 or float64.

  Args:
    function: Name of the loss in the message.
    name: Name of the argument in the message.
    logits: Floating values [n, c].

  Returns:
    Array [n, c], bounded.

  Raises:
    TypeError: The dtype is not floating.
    ValueError: The rank is not 2.
  """
  checked = checked_embeddings(function, name, logits)
  is_double = checked.dtype == jnp.float64
  return bounded(checked.astype(jnp.float64 if is_double else jnp.float32))


def bounded(logits: jax.Array) -> jax.Array:
  """Clips logits so that no multiple or difference of them is infinite.

  It also rounds products: XLA may subtract the largest logit in the same
  instruction that multiplies, and find one that is larger by far.
  """
  bound = jnp.sqrt(jnp.finfo(logits.dtype).max)
  return jnp.clip(logits, -bound, bound)


def check_same_shape(function: str, **arrays: jax.Array) -> None:
  """Raises ValueError unless all arrays, by name, have one shape."""
  if len({array.shape for array in arrays.values()}) > 1:
    found = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
    raise ValueError(
      f"losses.{function}: shapes must be the same, got {found}."
    )


def check_columns(function: str, **arrays: jax.Array) -> None:
  """Raises ValueError unless all arrays, by name, have as many columns."""
  if len({array.shape[1] for array in arrays.values()}) > 1:
    found = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
    raise ValueError(
      f"losses.{function}: numbers of columns must be the same, got {found}."
    )


def cross_entropies(targets: jax.Array, logs: jax.Array) -> jax.Array:
  """Returns -sum(targets * logs) of each row [n]; 0 * -inf counts as 0."""
  terms = targets * jnp.where(targets > 0, logs, 0)
  return -jnp.sum(terms, axis=1)
