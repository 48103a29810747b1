"""Checks of logits and probabilities, and cross-entropies that stay finite."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike


def checked_logits(name: str, logits: ArrayLike) -> jax.Array:
  """Returns logits, or probabilities, as an array of float32 or float64.

  Args:
    name: Name of the argument in the message.
    logits: Floating values [n, c].

  Returns:
    Array [n, c], bounded.

  Raises:
    TypeError: The dtype is not floating.
    ValueError: The rank is not 2.
  """
  logits = jnp.asarray(logits)
  if not jnp.issubdtype(logits.dtype, jnp.floating):
    raise TypeError(f"{name} must have a floating dtype, got {logits.dtype}.")
  if logits.ndim != 2:
    raise ValueError(
      f"{name} must have rank 2, [n, c], got rank {logits.ndim} with shape "
      f"{logits.shape}."
    )
  is_double = logits.dtype == jnp.float64
  logits = logits.astype(jnp.float64 if is_double else jnp.float32)
  return bounded(logits)


def bounded(logits: jax.Array) -> jax.Array:
  """Clips logits so that no multiple or difference of them is infinite.

  It also rounds products: XLA may subtract the largest logit in the same
  instruction that multiplies, and find one that is larger by far.
  """
  bound = jnp.sqrt(jnp.finfo(logits.dtype).max)
  return jnp.clip(logits, -bound, bound)


def check_same_shape(**arrays: jax.Array) -> None:
  """Raises ValueError unless all arrays, by name, have one shape."""
  if len({array.shape for array in arrays.values()}) > 1:
    found = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
    raise ValueError(f"Shapes must be the same, got {found}.")


def check_share(name: str, value: float) -> None:
  """Raises ValueError unless a number is in [0, 1]."""
  if not 0 <= value <= 1:
    raise ValueError(f"{name} must be in [0, 1], got {value}.")


def cross_entropies(targets: jax.Array, logs: jax.Array) -> jax.Array:
  """Returns -sum(targets * logs) of each row [n]; 0 * -inf counts as 0."""
  terms = targets * jnp.where(targets > 0, logs, 0)
  return -jnp.sum(terms, axis=1)
