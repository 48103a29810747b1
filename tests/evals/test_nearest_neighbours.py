"""kNN and soft nearest neighbours against loops and reference values."""

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import neighbors

from suncet_jax.evals import _neighbours, accuracy, knn, soft_nn

RANDOM = np.random.default_rng(0)
QUERIES = RANDOM.standard_normal((13, 6))
BANK = RANDOM.standard_normal((30, 6)) * RANDOM.uniform(0.1, 9.0, (30, 1))
LABELS = RANDOM.integers(0, 4, 30)


def _cosine(query, key):
  return query @ key / np.linalg.norm(query) / np.linalg.norm(key)


def _knn_loop(k, temperature):
  scores = np.zeros((len(QUERIES), 4))
  for row, query in enumerate(QUERIES):
    similarity = [_cosine(query, key) for key in BANK]
    nearest = sorted(range(len(BANK)), key=lambda j: -similarity[j])[:k]
    for j in nearest:
      scores[row, LABELS[j]] += np.exp(similarity[j] / temperature)
    scores[row] /= scores[row].sum()
  return scores


def _knn(k=5, temperature=0.07, dtype=np.float32, queries=QUERIES, bank=BANK):
  return knn.knn_scores(
    queries.astype(dtype),
    bank.astype(dtype),
    LABELS,
    class_count=4,
    k=k,
    temperature=temperature,
  )


@pytest.mark.parametrize("k", [1, 5, 30, 200])
def test_knn_agrees_with_a_loop(x64, k):
  result = _knn(k, dtype=np.float64)
  assert result.dtype == jnp.float64
  np.testing.assert_allclose(result, _knn_loop(k, 0.07), atol=1e-12)
  np.testing.assert_allclose(_knn(k), _knn_loop(k, 0.07), atol=1e-5)


def test_knn_counts_like_scikit_learn_on_separable_data():
  centres = np.eye(5) * 10
  labels = np.arange(200) % 5
  points = centres[labels] + RANDOM.standard_normal((200, 5))
  other = neighbors.KNeighborsClassifier(7, metric="cosine")
  other.fit(points[:150], labels[:150])

  scores = knn.knn_scores(
    points[150:], points[:150], labels[:150], class_count=5, k=7
  )

  assert accuracy.topk_accuracy(scores, labels[150:]).top1 == 1.0
  np.testing.assert_array_equal(
    np.argmax(scores, axis=1), other.predict(points[150:])
  )


@pytest.mark.parametrize("temperature", [1e-4, 1e4])
def test_knn_stays_finite_in_float32(temperature):
  scores = np.asarray(_knn(temperature=temperature))
  np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)


def test_zero_rows_are_similar_to_nothing():
  queries = np.concatenate([QUERIES, np.zeros((1, 6))])
  scores = np.asarray(_knn(queries=queries, k=3))
  # All similarities are 0: the first three entries have one vote each.
  expected = np.bincount(LABELS[:3], minlength=4) / 3
  np.testing.assert_allclose(scores[-1], expected, rtol=1e-6)


def test_scores_do_not_depend_on_the_blocks(monkeypatch):
  def both():
    soft = soft_nn.soft_nn_scores(QUERIES, BANK, LABELS, class_count=4)
    return np.asarray(_knn()), np.asarray(soft)

  whole = both()
  monkeypatch.setattr(_neighbours, "_BLOCK_ENTRIES", 4 * len(BANK))
  assert _neighbours.block_size(13, len(BANK)) == 4
  for result, expected in zip(both(), whole, strict=True):
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-7)


def test_blocks_bound_the_largest_matrix():
  assert _neighbours.block_size(50_000, 1_281_167) == 26
  assert _neighbours.block_size(10, 10**9) == 1
  assert _neighbours.block_size(10, 3) == 10


def test_same_inputs_same_bits():
  np.testing.assert_array_equal(_knn(), _knn())


def _soft_nn_golden(values, dtype):
  return soft_nn.soft_nn_scores(
    values["queries"].astype(dtype),
    values["embs"].astype(dtype),
    values["labels"],
    class_count=int(values["num_classes"]),
    temperature=float(values["temp"]),
  )


def test_soft_nn_reference_values_in_float64(golden, x64):
  values = golden("snn_eval")
  result = _soft_nn_golden(values, np.float64)
  np.testing.assert_allclose(result, values["probs_f64"], atol=1e-9)


def test_soft_nn_reference_values_in_float32(golden):
  values = golden("snn_eval")
  result = _soft_nn_golden(values, np.float32)
  assert result.dtype == jnp.float32
  np.testing.assert_allclose(result, values["probs_f64"], atol=1e-5)


def test_soft_nn_agrees_with_a_loop(x64):
  result = soft_nn.soft_nn_scores(
    QUERIES, BANK, LABELS, class_count=4, temperature=0.3
  )
  # All entries vote, so kNN with k = m is the same sum.
  np.testing.assert_allclose(result, _knn_loop(len(BANK), 0.3), atol=1e-12)


def test_bfloat16_is_computed_in_float32():
  queries = jnp.asarray(QUERIES, jnp.bfloat16)
  bank = jnp.asarray(BANK, jnp.bfloat16)
  result = soft_nn.soft_nn_scores(queries, bank, LABELS, class_count=4)
  expected = soft_nn.soft_nn_scores(
    queries.astype(jnp.float32),
    bank.astype(jnp.float32),
    LABELS,
    class_count=4,
  )
  assert result.dtype == jnp.float32
  np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
  ("changes", "error", "message"),
  [
    ({"queries": np.zeros((2, 5))}, ValueError, r"\(2, 5\) and \(30, 6\)"),
    ({"bank": np.zeros((0, 6))}, ValueError, r"bank .* \(0, 6\)"),
    ({"bank_labels": LABELS[:-1]}, ValueError, r"\(30,\), got \(29,\)"),
    ({"bank_labels": LABELS * 1.0}, TypeError, "float64"),
    ({"bank_labels": LABELS + 2**32}, ValueError, "from 4294967296 to"),
    ({"bank_labels": np.eye(30)}, TypeError, r"bank_labels\.argmax\(axis=1\)"),
    (
      {"bank_labels": np.ma.masked_less(LABELS, 1)},
      TypeError,
      r"bank_labels are a masked array.*filled\(-1\)",
    ),
    ({"class_count": 3}, ValueError, r"in \[0, 3\), got values from 0 to 3"),
    ({"temperature": 0.0}, ValueError, "temperature must be > 0, got 0"),
    ({"k": 0}, ValueError, "k must be > 0, got 0"),
  ],
)
def test_refuses_arguments_that_do_not_fit(changes, error, message):
  arguments = {
    "queries": QUERIES,
    "bank": BANK,
    "bank_labels": LABELS,
    "class_count": 4,
    "k": 5,
  }
  with pytest.raises(error, match=message):
    knn.knn_scores(**(arguments | changes))
