"""Weighted k-nearest-neighbour classification."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.evals import _checks, _neighbours


def knn_scores(
  queries: ArrayLike,
  bank: ArrayLike,
  bank_labels: ArrayLike,
  *,
  class_count: int,
  k: int,
  temperature: float = 0.07,
) -> jax.Array:
  """Classifies by a vote of the k most similar entries of the bank.

  Wu et al. 2018 (arXiv 1805.01978), section 3.4: entry j votes with weight
  exp(s_j / temperature), where s_j is its cosine similarity to the query. Here
  the votes of one query are divided by their sum, which cannot overflow and
  does not change the ranking. Of equally similar entries the earlier ones vote.

  Args:
    queries: Real embeddings [n, d]; they need not be normalised.
    bank: Real embeddings [m, d]; they need not be normalised.
    bank_labels: Integer labels [m] in [0, c).
    class_count: Number of classes, c.
    k: Number of neighbours that vote; all m if there are fewer.
    temperature: Temperature of the weights, above zero.

  Returns:
    Scores [n, c], float32 (float64 for float64 inputs), which are not negative
    and sum to 1 over the classes.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, a label is outside [0, c), or k or the
      temperature is not above zero.
  """
  _checks.check_positive(k=k, temperature=temperature)
  search = _neighbours.checked_search(queries, bank, bank_labels, class_count)
  k = min(k, search.bank.shape[0])
  entries = max(search.bank.shape[0], k * class_count)
  block = _neighbours.block_size(search.queries.shape[0], entries)
  return _scores(search, temperature, class_count=class_count, k=k, block=block)


@functools.partial(jax.jit, static_argnames=("class_count", "k", "block"))
def _scores(
  search: _neighbours.Search,
  temperature: jax.Array,
  *,
  class_count: int,
  k: int,
  block: int,
) -> jax.Array:
  """Computes the scores, `block` queries at once."""

  def score(query: jax.Array) -> jax.Array:
    similarity = _neighbours.cosine_similarity(query, search.bank)  # [m]
    nearest, index = jax.lax.top_k(similarity, k)  # [k], [k]
    votes = jax.nn.softmax(nearest / temperature)
    # A product, as the order in which a GPU adds in a scatter is not fixed.
    classes = jax.nn.one_hot(
      search.bank_labels[index], class_count, dtype=votes.dtype
    )
    return jnp.dot(votes, classes, precision=jax.lax.Precision.HIGHEST)

  return _neighbours.map_blocks(score, search.queries, block)
