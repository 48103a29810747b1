"""Which candidates go on, and which is recommended."""

import math

import pytest

from suncet_jax.verdict import choice


def _found(**accuracies):
  """Returns accuracies by seed, of lists."""
  return {name: dict(enumerate(each)) for name, each in accuracies.items()}


def test_the_better_half_goes_on():
  found = _found(a=[0.5, 0.7], b=[0.9, 0.8], c=[0.6, 0.61], d=[0.1, 0.2])
  assert choice.better_half(found) == ["b", "c"]
  del found["d"]
  assert choice.better_half(found) == ["b", "c"]  # two of three
  assert choice.better_half(_found(a=[0.5])) == ["a"]


def test_differences_are_within_a_seed():
  found = _found(one=[0.5, 0.9], other=[0.4, 0.8])
  told = choice.difference(found["one"], found["other"])
  assert told.mean == pytest.approx(0.1)
  assert told.error == pytest.approx(0.0)  # though seeds differ by 0.4
  alone = choice.difference({3: 0.5}, {3: 0.4})
  assert math.isinf(alone.error)


def test_the_cheaper_of_two_that_are_level_is_recommended():
  found = _found(dear=[0.80, 0.84, 0.79], cheap=[0.81, 0.80, 0.80])
  costs = {"dear": 100.0, "cheap": 1.0}
  assert choice.ranked(found) == ["dear", "cheap"]
  assert choice.recommended(found, costs) == "cheap"


def test_the_dearer_is_recommended_where_each_seed_says_so():
  found = _found(dear=[0.80, 0.84, 0.79], cheap=[0.75, 0.78, 0.75])
  costs = {"dear": 100.0, "cheap": 1.0}
  assert choice.recommended(found, costs) == "dear"


def test_with_one_seed_only_the_best_will_do():
  found = _found(dear=[0.81], cheap=[0.80])
  assert choice.recommended(found, {"dear": 9.0, "cheap": 0.0}) == "dear"
