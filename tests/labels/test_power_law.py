"""The power law of a learning curve."""

import math

import numpy as np
import pytest

from suncet_jax.labels import power_law
from suncet_jax.labels.power_law import PowerLaw

_COUNTS = (1, 2, 4, 8, 16, 32)


def _draws(law, count=6, noise=0.004, seed=0):
  rng = np.random.default_rng(seed)
  exact = np.array([law.accuracy(n) for n in _COUNTS])
  return exact + rng.normal(0, noise, (count, len(_COUNTS)))


@pytest.mark.parametrize(
  "law", [PowerLaw(0.95, 0.4, 0.7), PowerLaw(0.8, 0.3, 1.2)]
)
def test_a_law_is_found_again_and_foretells(law):
  fit = power_law.fit(_COUNTS, _draws(law))
  told = fit.accuracy(128)
  assert abs(told.value - law.accuracy(128)) < 0.01
  assert told.low <= told.value <= told.high
  needed = fit.needed(law.accuracy(20))
  assert needed.low <= needed.value <= needed.high
  assert needed.value == pytest.approx(20, rel=0.15)


def test_accuracy_and_count_are_inverse():
  law = PowerLaw(0.9, 0.5, 0.6)
  assert law.needed(law.accuracy(37.0)) == pytest.approx(37.0)
  assert law.accuracy(math.inf) == 0.9
  assert law.needed(0.9) == law.needed(0.95) == math.inf


def test_no_law_goes_beyond_one_or_falls():
  steep = PowerLaw(1.1, 0.6, 0.3)  # noise may suggest it
  assert power_law.fit(_COUNTS, _draws(steep)).law.limit == 1.0
  falling = np.tile(np.linspace(0.6, 0.5, len(_COUNTS)), (3, 1))
  level = power_law.fit(_COUNTS, falling).law
  assert level.scale == 0
  assert level.accuracy(1) == level.accuracy(100) == pytest.approx(0.55)


def test_more_noise_makes_a_wider_interval():
  law = PowerLaw(0.95, 0.4, 0.7)
  widths = []
  for noise in (0.002, 0.03):
    told = power_law.fit(_COUNTS, _draws(law, noise=noise)).accuracy(128)
    widths.append(told.high - told.low)
  assert widths[1] > 3 * widths[0] > 0


@pytest.mark.parametrize("shape", [(1, 6), (4, 2)])
def test_too_few_points_are_refused(shape):
  with pytest.raises(ValueError, match="needs 3 numbers of labels and 2 draws"):
    power_law.fit(_COUNTS[: shape[1]], np.full(shape, 0.5))
