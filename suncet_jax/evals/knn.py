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
  """Lets the k most similar bank entries vote for their classes.

  Wu et al. 2018 (arXiv 1805.01978), section 3.4: entry j votes with weight
  exp(s_j / temperature), where s_j is its cosine similarity to the query. Here
  the votes of one query are divided by their sum, which changes no ranking and
  cannot overflow. Of equally similar entries the earlier ones are taken.

  Args:
    queries: [n, d] real, need not be normalised.
    bank: [m, d] real, need not be normalised.
    bank_labels: [m] integer in [0, c).
    class_count: c.
    k: how many neighbours vote; all m if there are fewer.
    temperature: of the weights, above zero.

  Returns:
    [n, c] float32 (float64 for float64 inputs): non-negative scores whose sum
    over the classes is 1.

  Raises:
    TypeError: if the labels are not integers.
    ValueError: if shapes do not match, a label is outside [0, c), or k or the
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
    # A product, not a scatter, whose order of adding a GPU does not fix.
    classes = jax.nn.one_hot(
      search.bank_labels[index], class_count, dtype=votes.dtype
    )
    return jnp.dot(votes, classes, precision=jax.lax.Precision.HIGHEST)

  return _neighbours.map_blocks(score, search.queries, block)
