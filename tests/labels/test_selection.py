"""The choice of images to label."""

import numpy as np
import pytest

from suncet_jax.labels import selection

_KINDS = 6


def _features(per_kind=30, seed=0, noise=0.05):
  """Returns features of six kinds, well apart, and the kind of each."""
  rng = np.random.default_rng(seed)
  kinds = np.arange(_KINDS * per_kind) % _KINDS
  centres = np.eye(_KINDS, 8)
  return centres[kinds] + rng.normal(0, noise, (len(kinds), 8)), kinds


def _none(features):
  return np.zeros(len(features), bool)


@pytest.mark.parametrize("name", ["typical", "spread"])
def test_every_kind_is_chosen_before_a_second_of_one(name):
  features, kinds = _features()
  select = selection.SELECTIONS[name]
  chosen = select(features, _none(features), _KINDS, 0)
  assert sorted(kinds[chosen]) == list(range(_KINDS))


@pytest.mark.parametrize("name", ["typical", "spread"])
def test_kinds_that_have_labels_are_left_to_the_last(name):
  features, kinds = _features()
  is_labelled = _none(features)
  is_labelled[[np.flatnonzero(kinds == kind)[0] for kind in (0, 1, 2, 3)]] = (
    True
  )
  chosen = selection.SELECTIONS[name](features, is_labelled, 2, 0)
  assert sorted(kinds[chosen]) == [4, 5]


def test_a_typical_image_lies_among_many():
  features, _ = _features()
  outlier = np.zeros((1, 8))
  outlier[0, 7] = 1.0
  features = np.concatenate([features, outlier])
  typical, spread = (
    selection.SELECTIONS[name](features, _none(features), _KINDS + 1, 0)
    for name in ("typical", "spread")
  )
  assert len(features) - 1 not in typical[:_KINDS]
  assert len(features) - 1 in spread  # as far from all as kinds are


@pytest.mark.parametrize("name", selection.SELECTIONS)
def test_all_that_are_left_are_chosen_once(name):
  features, _ = _features(per_kind=5)
  is_labelled = _none(features)
  is_labelled[::3] = True
  count = int((~is_labelled).sum())
  chosen = selection.SELECTIONS[name](features, is_labelled, count, 0)
  assert sorted(chosen) == np.flatnonzero(~is_labelled).tolist()


@pytest.mark.parametrize("name", ["typical", "random"])
def test_a_seed_gives_the_same_choice(name):
  features, _ = _features(noise=0.6)
  select = selection.SELECTIONS[name]
  first, again, other = (
    select(features, _none(features), 10, seed).tolist() for seed in (0, 0, 1)
  )
  assert first == again != other


def test_more_labels_than_clusters(monkeypatch):
  monkeypatch.setattr(selection, "_MOST_CLUSTERS", 6)
  features, kinds = _features()
  chosen = selection.typical(features, _none(features), 12, 0)
  assert np.bincount(kinds[chosen]).tolist() == [2] * _KINDS


def test_copies_of_one_image_are_no_trouble():
  features = np.ones((40, 3))
  assert len(set(selection.typical(features, _none(features), 8, 0))) == 8


def test_uncertain_takes_the_smallest_margins_of_each_class_in_turn():
  sure, unsure, between = (0.9, 0.05, 0.05), (0.4, 0.35, 0.25), (0.5, 0.3, 0.2)
  turned = [np.roll(row, 1) for row in (sure, unsure)]
  probabilities = np.array([sure, unsure, between, *turned])
  is_labelled = np.zeros(5, bool)
  chosen = selection.uncertain(probabilities, is_labelled, 4)
  assert chosen.tolist() == [1, 4, 2, 3]
  is_labelled[1] = True
  assert selection.uncertain(probabilities, is_labelled, 2).tolist() == [4, 2]
