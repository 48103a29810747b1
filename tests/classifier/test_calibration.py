"""Calibration of probabilities: its error, and the temperature that mends."""

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from suncet_jax.evals.calibration import calibration, fit_temperature


def _drawn(temperature, count=20_000, classes=5):
  """Returns logits, and labels that are drawn at a temperature."""
  rng = np.random.default_rng(0)
  logits = rng.normal(0, 3, (count, classes))
  shares = softmax(logits / temperature, axis=1)
  labels = (shares.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1)
  return logits, np.minimum(labels, classes - 1)


def test_the_error_is_the_gap_between_confidence_and_accuracy():
  # Three images at 0.8 of which one is right, and one at 0.6 that is.
  shares = np.array([[0.8, 0.2]] * 3 + [[0.6, 0.4]])
  measured = calibration(np.log(shares), [0, 1, 1, 0])
  assert measured.ece == pytest.approx((3 * (0.8 - 1 / 3) + 0.4) / 4)
  expected = -np.log([0.8, 0.2, 0.2, 0.6]).mean()
  assert measured.nll == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_of_the_labels_is_found(temperature):
  logits, labels = _drawn(temperature)
  found = fit_temperature(logits, labels)
  assert found == pytest.approx(temperature, rel=0.05)
  before = calibration(logits, labels)
  after = calibration(logits, labels, found)
  assert after.nll <= before.nll
  assert after.ece < 0.02


def test_it_is_the_minimum():
  logits, labels = _drawn(2.0, count=200)
  found = fit_temperature(logits, labels)

  def nll(temperature):
    log_p = log_softmax(logits / temperature, axis=1)
    return -log_p[np.arange(len(labels)), labels].mean()

  assert nll(found) < min(nll(found * 1.01), nll(found / 1.01))


def test_images_that_are_all_right_say_nothing_of_it():
  logits = np.array([[2.0, 0.0], [0.0, 1.0]])
  assert fit_temperature(logits, [0, 1]) == 1.0
  assert fit_temperature(logits, [1, 0]) == pytest.approx(20.0, rel=1e-3)


def test_labels_that_do_not_fit_are_refused():
  with pytest.raises(ValueError, match=r"must be in \[0, 2\)"):
    fit_temperature(np.zeros((2, 2)), [0, 2])
