"""Functions that both nearest-neighbour classifiers share."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.errors import UserError
from suncet_jax.evals import _checks

# Entries of the largest temporary matrix: 128 MiB in float32.
_BLOCK_ENTRIES = 2**25


class Search(NamedTuple):
  """Checked arguments on the device.

  Attributes:
    queries: Rows [n, d] of length 1, float32 (float64 for float64 inputs).
    bank: Rows [m, d] of length 1, likewise.
    bank_labels: Integer labels [m] in [0, c).
  """

  queries: jax.Array
  bank: jax.Array
  bank_labels: jax.Array


def checked_search(
  queries: ArrayLike,
  bank: ArrayLike,
  bank_labels: ArrayLike,
  class_count: int,
) -> Search:
  """Checks the arguments, moves them to the device, normalises the rows.

  Args:
    queries: Real embeddings [n, d].
    bank: Real embeddings [m, d].
    bank_labels: Integer labels [m] in [0, c).
    class_count: Number of classes, c.

  Returns:
    The arguments as JAX arrays, with rows of length 1.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If a shape, a label or the class count is not as described.
  """
  queries, bank = jnp.asarray(queries), jnp.asarray(bank)
  _checks.check_matrix("queries", queries)
  _checks.check_matrix("bank", bank)
  if queries.shape[1] != bank.shape[1]:
    raise UserError(
      "queries and bank must have rows of one length, got shapes "
      f"{queries.shape} and {bank.shape}."
    )
  labels = _checks.checked_labels(
    "bank_labels", bank_labels, bank.shape[0], class_count
  )
  return Search(_unit_rows(queries), _unit_rows(bank), jnp.asarray(labels))


def cosine_similarity(query: jax.Array, bank: jax.Array) -> jax.Array:
  """Returns the cosines [m] of one query [d] with the rows of the bank."""
  # Full precision: by default a TPU rounds the operands to bfloat16, which is
  # enough to change which neighbour is the nearest.
  return jnp.dot(bank, query, precision=jax.lax.Precision.HIGHEST)


def block_size(query_count: int, entries_per_query: int) -> int:
  """Returns the number of queries at once that keeps memory bounded."""
  return min(query_count, max(1, _BLOCK_ENTRIES // entries_per_query))


def map_blocks(
  score: Callable[[jax.Array], jax.Array], queries: jax.Array, block: int
) -> jax.Array:
  """Applies `score`, from [d] to [c], to rows [n, d], `block` rows at once."""
  return jax.lax.map(score, queries, batch_size=block)


def _unit_rows(x: jax.Array) -> jax.Array:
  """Divides each row of [n, d] by max(length, 1e-12)."""
  x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
  length = jnp.linalg.norm(x, axis=1, keepdims=True)
  return x / jnp.maximum(length, 1e-12)
