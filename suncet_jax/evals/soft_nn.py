"""Soft nearest-neighbour classification against labelled embeddings."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.evals import _checks, _neighbours


def soft_nn_scores(
  queries: ArrayLike,
  bank: ArrayLike,
  bank_labels: ArrayLike,
  *,
  class_count: int,
  temperature: float = 0.1,
) -> jax.Array:
  """Classifies by the similarity to every labelled embedding.

  p(c | q) = sum_j softmax_j(cos(q, k_j) / temperature) [y_j = c]. SuNCEt
  pre-training minimises the negative logarithm of this distribution (Assran et
  al. 2020, arXiv 2006.10803).

  Args:
    queries: Real embeddings [n, d]; they need not be normalised.
    bank: Real embeddings [m, d]; they need not be normalised.
    bank_labels: Integer labels [m] in [0, c).
    class_count: Number of classes, c. The labels of the bank are stored as a
      one-hot matrix of m * c numbers.
    temperature: Temperature of the softmax, above zero; by default that of the
      training.

  Returns:
    Probabilities [n, c], float32 (float64 for float64 inputs).

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, a label is outside [0, c), or the
      temperature is not above zero.
  """
  _checks.check_positive(temperature=temperature)
  search = _neighbours.checked_search(queries, bank, bank_labels, class_count)
  entries = max(search.bank.shape[0], class_count)
  block = _neighbours.block_size(search.queries.shape[0], entries)
  return _scores(search, temperature, class_count=class_count, block=block)


@functools.partial(jax.jit, static_argnames=("class_count", "block"))
def _scores(
  search: _neighbours.Search,
  temperature: jax.Array,
  *,
  class_count: int,
  block: int,
) -> jax.Array:
  """Computes the probabilities, `block` queries at once."""
  classes = jax.nn.one_hot(
    search.bank_labels, class_count, dtype=search.bank.dtype
  )  # [m, c]

  def score(query: jax.Array) -> jax.Array:
    similarity = _neighbours.cosine_similarity(query, search.bank)  # [m]
    weights = jax.nn.softmax(similarity / temperature)
    return jnp.dot(weights, classes, precision=jax.lax.Precision.HIGHEST)

  return _neighbours.map_blocks(score, search.queries, block)
