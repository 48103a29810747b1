"""Which images a step sees: exact properties of the index streams."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suncet_jax.data.sampling.samplers import (
  ClassBalancedSampler,
  UnlabelledSampler,
)
from suncet_jax.rng import permutation, random_bits


def test_random_bits_stay_the_same_for_good():
  # Guaranteed by NumPy; a change would silently change every run.
  assert (
    random_bits(2, 1, 2, 3).tolist() == random_bits(5, 1, 2, 3)[:2].tolist()
  )
  assert random_bits(2, 0).tolist() == [
    259491006799949737,
    4754966410622352325,
  ]


@given(st.integers(0, 300), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=30, deadline=None)
def test_a_permutation_holds_everything_once(count, seed, epoch):
  order = permutation(count, seed, epoch)
  assert sorted(order.tolist()) == list(range(count))


def test_permutations_differ_by_address():
  orders = {
    tuple(permutation(50, seed, epoch))
    for seed in range(4)
    for epoch in range(4)
  }
  assert len(orders) == 16


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_an_epoch_sees_each_image_at_most_once(pool, batch, seed):
  if batch > pool:
    pool, batch = batch, pool
  sampler = UnlabelledSampler(np.arange(pool), batch, seed)
  steps = range(sampler.steps_per_epoch)
  seen = np.concatenate([sampler(step) for step in steps])
  assert len(set(seen.tolist())) == len(seen) == pool // batch * batch


def test_any_step_can_be_asked_for_in_any_order():
  forward = UnlabelledSampler(np.arange(20), 3, 0)
  in_order = [forward(step).tolist() for step in range(30)]
  fresh = UnlabelledSampler(np.arange(20), 3, 0)
  for step in (29, 0, 13, 7, 29):
    assert fresh(step).tolist() == in_order[step]
  assert in_order[0] != in_order[6]  # the same place in the next epoch


def test_a_batch_larger_than_the_pool_is_an_error():
  with pytest.raises(ValueError, match=r"data.batch_size is 9, .* only 8"):
    UnlabelledSampler(np.arange(8), 9, 0)


def _balanced(labels, class_count, classes, images, seed=0):
  return ClassBalancedSampler(
    np.arange(len(labels)),
    np.asarray(labels),
    [str(c) for c in range(class_count)],
    classes_per_batch=classes,
    images_per_class=images,
    seed=seed,
  )


@given(
  st.integers(1, 6), st.integers(1, 4), st.integers(0, 2), st.integers(0, 40)
)
@settings(max_examples=40, deadline=None)
def test_a_batch_holds_classes_times_images(class_count, images, seed, step):
  labels = np.tile(np.arange(class_count), 5)
  classes = max(1, class_count - 1)
  rows = _balanced(labels, class_count, classes, images, seed)(step)
  counts = collections.Counter(labels[rows].tolist())
  assert len(counts) == classes
  assert set(counts.values()) == {images}
  assert len(set(rows.tolist())) == len(rows)  # 5 images a class are enough


def test_rows_are_interleaved():
  labels = np.repeat(np.arange(4), 3)
  drawn = labels[_balanced(labels, 4, 4, 3)(0)].reshape(3, 4)
  assert (drawn == drawn[0]).all()


def test_a_class_is_gone_through_before_any_image_comes_again():
  labels = np.repeat(np.arange(2), [6, 4])
  sampler = _balanced(labels, 2, 2, 2)
  drawn = np.concatenate([sampler(step) for step in range(6)])
  of_first = [row for row in drawn.tolist() if row < 6]
  assert sorted(of_first[:6]) == sorted(of_first[6:]) == list(range(6))


def test_every_class_comes_once_in_a_pass():
  labels = np.arange(7)
  sampler = _balanced(labels, 7, 2, 1)
  of_pass = np.concatenate([labels[sampler(step)] for step in range(3)])
  assert len(set(of_pass.tolist())) == 6  # the seventh waits
  seen = {
    label for step in range(60) for label in labels[sampler(step)].tolist()
  }
  assert seen == set(range(7))


def test_a_small_class_wraps():
  sampler = _balanced([0, 1, 1, 1, 1], 2, 2, 4)
  rows = sampler(0)
  assert (rows == 0).sum() == 4
  assert sampler.smallest_class == 1


def test_an_empty_class_is_named():
  with pytest.raises(ValueError, match=r"class 1, 3 \(2 of 4 classes\)"):
    _balanced([0, 2, 2], 4, 2, 1)


def test_too_many_classes_per_batch_is_an_error():
  with pytest.raises(
    ValueError, match="classes_per_batch is 3, but there are 2"
  ):
    _balanced([0, 1], 2, 3, 1)
