"""The linear probe on pixels of digits and on made-up features."""

import numpy as np
import pytest
from sklearn import datasets

from suncet_jax.evals import accuracy, linear

SETTINGS = {
  "class_count": 3,
  "epochs": 4,
  "batch_size": 8,
  "learning_rate": 1.0,
  "seed": 0,
}
RANDOM = np.random.default_rng(0)
FEATURES = RANDOM.standard_normal((20, 5)).astype(np.float32)
LABELS = RANDOM.integers(0, 3, 20)


def test_learns_digits_from_pixels():
  pixels, labels = datasets.load_digits(return_X_y=True)
  probe = linear.linear_probe(
    pixels[:1400],
    labels[:1400],
    class_count=10,
    epochs=30,
    batch_size=256,
    learning_rate=0.3,
    seed=0,
  )
  train = accuracy.topk_accuracy(probe.scores(pixels[:1400]), labels[:1400])
  test = accuracy.topk_accuracy(probe.scores(pixels[1400:]), labels[1400:])
  assert train.top1 >= 0.95
  assert test.top1 >= 0.88
  assert np.isfinite(probe.losses).all()


def test_starts_from_equal_scores():
  probe = linear.linear_probe(FEATURES, LABELS, **SETTINGS)
  np.testing.assert_allclose(probe.losses[0, 0], np.log(3), rtol=1e-6)
  assert probe.losses.shape == (4, 2)
  assert probe.losses[-1].mean() < probe.losses[0].mean()


def test_repeats_bit_for_bit():
  first = linear.linear_probe(FEATURES, LABELS, **SETTINGS)
  second = linear.linear_probe(FEATURES, LABELS, **SETTINGS)
  other = linear.linear_probe(FEATURES, LABELS, **(SETTINGS | {"seed": 1}))
  for a, b in zip(first, second, strict=True):
    np.testing.assert_array_equal(a, b)
  assert np.abs(first.kernel - other.kernel).max() > 0


def _sgd_loop(steps, peak, momentum, weight_decay):
  """Full-batch Nesterov SGD on standardised features, in float64."""
  x = FEATURES.astype(np.float64)
  x = np.c_[(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))]
  weights = np.zeros((6, 3))
  velocity = np.zeros_like(weights)
  for step in range(steps):
    rate = peak * (1 + np.cos(np.pi * step / steps)) / 2
    shares = np.exp(x @ weights)
    shares /= shares.sum(axis=1, keepdims=True)
    grad = x.T @ (shares - np.eye(3)[LABELS]) / len(x)
    grad += weight_decay * weights
    velocity = momentum * velocity + grad
    weights -= rate * (grad + momentum * velocity)
  return weights


def test_agrees_with_a_loop_and_clips_the_batch():
  probe = linear.linear_probe(
    FEATURES,
    LABELS,
    class_count=3,
    epochs=9,
    batch_size=1000,
    learning_rate=5.0,
    momentum=0.8,
    weight_decay=0.01,
    seed=0,
  )
  # 1000 rows are asked for and 20 are there: the rate is that of 20.
  expected = _sgd_loop(9, 5.0 * 20 / 256, 0.8, 0.01)
  np.testing.assert_allclose(probe.kernel, expected[:-1], atol=1e-5)
  np.testing.assert_allclose(probe.bias, expected[-1], atol=1e-5)


def test_constant_features_carry_nothing():
  constant = np.tile(np.float32([0.1, 0.0, 1e4]), (20, 1))
  features = np.concatenate([FEATURES, constant], axis=1)
  probe = linear.linear_probe(features, LABELS, **SETTINGS)
  np.testing.assert_array_equal(probe.scale[5:], 1)
  np.testing.assert_allclose(probe.kernel[5:], 0, atol=2e-2)
  assert np.isfinite(probe.scores(features)).all()


def test_scores_do_not_depend_on_the_features_scale():
  scaled = FEATURES * np.float32([0.1, 1, 10, 1e3, 1]) + 3
  probe = linear.linear_probe(FEATURES, LABELS, **SETTINGS)
  other = linear.linear_probe(scaled, LABELS, **SETTINGS)
  scores = np.asarray(probe.scores(FEATURES))
  np.testing.assert_allclose(other.scores(scaled), scores, atol=1e-3)
  assert np.abs(scores).max() > 0.1


def test_says_that_features_were_not_finite():
  features = FEATURES.copy()
  features[0, 0] = np.nan
  with pytest.raises(FloatingPointError, match="not finite"):
    linear.linear_probe(features, LABELS, **SETTINGS)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"epochs": 0}, "epochs must be > 0, got 0"),
    ({"batch_size": 0}, "batch_size must be > 0, got 0"),
    ({"learning_rate": -1.0}, "learning_rate must be > 0, got -1"),
    ({"class_count": 2}, r"labels must be in \[0, 2\)"),
    ({"labels": LABELS + 2**32}, "got values from 4294967296 to"),
    ({"features": FEATURES[:7]}, r"shape \(7,\), got \(20,\)"),
    ({"features": FEATURES[0]}, r"features must be a matrix.*\(5,\)"),
  ],
)
def test_refuses_arguments_that_do_not_fit(changes, message):
  arguments = {"features": FEATURES, "labels": LABELS} | SETTINGS | changes
  with pytest.raises(ValueError, match=message):
    linear.linear_probe(**arguments)
