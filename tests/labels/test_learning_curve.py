"""Accuracies against the number of labels."""

import numpy as np
import pytest

from suncet_jax.errors import UserError
from suncet_jax.labels import curve
from suncet_jax.labels.curve import Features


def _features(count, seed):
  rng = np.random.default_rng(seed)
  labels = np.arange(count) % 3
  return Features(
    (np.eye(3, 5)[labels] + rng.normal(0, 0.5, (count, 5))).astype(np.float32),
    labels,
  )


_TRAIN, _TEST = _features(90, 0), _features(300, 1)


def _measured(counts=(1, 4, 30), draws=4, by="logistic", seed=0):
  found = curve.measure(
    _TRAIN, _TEST, class_count=3, counts=counts, draws=draws, by=by, seed=seed
  )
  return np.stack(list(found))


@pytest.mark.parametrize("by", curve.CLASSIFIERS)
def test_more_labels_are_worth_more(by):
  few, some, all_of_them = _measured(by=by).mean(axis=0)
  assert 0.4 < few < some < all_of_them < 0.95


def test_draws_differ_until_all_labels_are_used():
  spread = _measured(draws=5).std(axis=0)
  assert spread[0] > 0.01
  assert spread[-1] < 1e-12


def test_a_seed_gives_the_same_curve():
  first, again, other = (_measured(seed=seed) for seed in (0, 0, 1))
  np.testing.assert_array_equal(first, again)
  assert not np.array_equal(first, other)


def test_subsets_are_nested(monkeypatch):
  seen = []

  def noted(train, queries, class_count):
    seen.append({row.tobytes() for row in train.values})
    assert np.ptp(np.bincount(train.labels, minlength=class_count)) == 0
    return np.zeros(len(queries), int)

  monkeypatch.setitem(curve.CLASSIFIERS, "noted", noted)
  _measured(by="noted", draws=1)
  assert seen[0] < seen[1] < seen[2]


@pytest.mark.parametrize(
  ("most", "counts"), [(1, (1,)), (8, (1, 2, 4, 8)), (9, (1, 2, 4, 8, 9))]
)
def test_counts_double_up_to_the_smallest_class(most, counts):
  assert curve.counts_up_to(most) == counts


def test_more_than_the_smallest_class_has_is_refused():
  with pytest.raises(UserError, match="31 labels per class, but the smallest"):
    _measured(counts=(1, 31))


@pytest.mark.parametrize("by", curve.CLASSIFIERS)
def test_labels_of_one_class_only(by):
  one = Features(_TRAIN.values[::3], _TRAIN.labels[::3])
  assert curve.accuracy(one, _TEST, class_count=3, by=by) == pytest.approx(
    1 / 3
  )
