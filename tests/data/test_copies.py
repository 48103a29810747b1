"""Copies of images, by digests and by pixels."""

import numpy as np

from suncet_jax.data.copies import copies, in_both


def test_copies_are_named_with_their_first_original():
  ours = [b"b", b"", b"x", b"a"]
  assert copies(ours, [b"a", b"b", b"", b"b"]) == [(0, 1), (3, 0)]
  same = [b"a", b"b", b"", b"a", b"", b"a"]
  assert copies(same, same) == [(3, 0), (5, 0)]


def test_pixels_in_both_parts_are_found():
  rng = np.random.default_rng(0)
  train = rng.integers(0, 256, (40, 20, 24, 3), np.uint8)
  test = rng.integers(0, 256, (6, 20, 24, 3), np.uint8)
  assert not in_both(test, train).size
  test[[1, 4]] = train[[30, 7]]
  test[5] = train[3]
  test[5, 1, 1, 1] ^= 1  # a pixel that is not on the grid
  # An array of another layout in memory holds the same pixels.
  assert in_both(test, np.asfortranarray(train)).tolist() == [1, 4]
