"""Pointing and synchrony on clips whose answer is known."""

import numpy as np

from suncet_jax.evals.places import place_shares, pointing, synchrony


def _region():
  """A square that moves from the left half of the top to the right one."""
  region = np.zeros((2, 2, 8, 8), bool)
  region[0, 0, :4, :4] = region[0, 1, :4, 4:] = True
  region[1, :, 4:, :4] = True  # and one that stays
  return region


def test_shares_of_places_are_means_of_pixels_and_frames():
  shares = place_shares(_region(), (2, 2))
  np.testing.assert_array_equal(shares[0], [[0.5, 0.5], [0, 0]])
  np.testing.assert_array_equal(shares[1], [[0, 0], [1, 0]])
  # 8 pixels in 3 places: 3, 3 and 2.
  np.testing.assert_allclose(
    place_shares(_region(), (1, 3))[1], [[0.5, 1 / 6, 0]], rtol=1e-6
  )


def test_pointing_counts_any_place_with_half_of_the_most():
  attention = np.array([[[0.1, 0.7], [0.1, 0.1]], [[0.7, 0.1], [0.1, 0.1]]])
  assert pointing(attention, _region()) == (0.5, 3 / 8)
  attention[1] = attention[1][::-1]
  assert pointing(attention, _region()) == (1.0, 3 / 8)


def test_synchrony_chooses_a_frame_for_each_sound():
  scores = np.zeros((2, 3, 3))
  scores[0] = np.eye(3)
  scores[1, 2] = 1  # frame 2 for all sounds
  np.testing.assert_allclose(synchrony(scores), (3 + 1) / 6)
