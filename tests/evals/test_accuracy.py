"""Counts of top-1 and top-5."""

import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.evals import accuracy


def test_agrees_with_a_sort_of_every_row():
  random = np.random.default_rng(0)
  scores = random.standard_normal((200, 12)).astype(np.float32)
  labels = random.integers(0, 12, 200)

  result = accuracy.topk_accuracy(jnp.asarray(scores), jnp.asarray(labels))

  order = np.argsort(-scores, axis=1)
  expected_1 = sum(labels[i] == order[i, 0] for i in range(200))
  expected_5 = sum(labels[i] in order[i, :5] for i in range(200))
  assert result == (expected_1 / 200, expected_5 / 200, 200)
  assert 0 < result.top1 < result.top5 < 1


def test_lower_class_wins_a_tie():
  scores = np.zeros((7, 7))
  result = accuracy.topk_accuracy(scores, np.arange(7))
  assert result == (1 / 7, 5 / 7, 7)


@pytest.mark.parametrize("class_count", [1, 3, 5])
def test_top5_of_at_most_five_classes_is_one(class_count):
  scores = -np.eye(class_count)
  result = accuracy.topk_accuracy(scores, np.arange(class_count))
  assert result.top5 == 1.0
  assert result.top1 == (1.0 if class_count == 1 else 0.0)


@pytest.mark.parametrize("class_count", [3, 9])
def test_nan_is_wrong_and_minus_infinity_is_just_low(class_count):
  scores = np.full((3, class_count), -np.inf)
  scores[0, 1] = np.nan
  scores[1] = np.nan
  scores[2, 1] = 0.0
  result = accuracy.topk_accuracy(scores, np.full(3, 1))
  assert result == (1 / 3, 1 / 3, 3)


@pytest.mark.parametrize(
  ("scores", "labels", "error", "message"),
  [
    (np.zeros((2, 3)), [0, 3], ValueError, r"in \[0, 3\), got .* 0 to 3"),
    (np.zeros((2, 3)), [-1, 0], ValueError, "-1 to 0"),
    (np.zeros((2, 3)), [0], ValueError, r"shape \(2,\), got \(1,\)"),
    (np.zeros((2, 3)), [0.0, 1.0], TypeError, "float64"),
    (np.zeros((2, 3)), [0, 2**32 + 1], ValueError, "0 to 4294967297"),
    (np.zeros((2, 3)), [2**63, -1], ValueError, f"-1 to {2**63}"),
    (
      np.zeros((2, 3)),
      np.eye(2, 3, dtype=int),
      ValueError,
      r"argmax\(axis=1\)",
    ),
    (np.zeros((2, 3)), np.ma.masked_less([0, -1], 0), TypeError, "masked"),
    (np.zeros((0, 3)), [], ValueError, r"\(0, 3\)"),
    (np.zeros(3), [0, 1, 2], ValueError, r"\(3,\)"),
  ],
)
def test_refuses_what_cannot_be_counted(scores, labels, error, message):
  with pytest.raises(error, match=message):
    accuracy.topk_accuracy(scores, labels)
