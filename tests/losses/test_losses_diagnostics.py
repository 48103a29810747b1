"""Contrastive accuracy, alignment and uniformity against loops."""

import jax
import loss_oracle
import numpy as np

from suncet_jax import losses
from suncet_jax.losses import _row_blocks


def _views(noise):
  rng = np.random.default_rng(0)
  first = rng.normal(size=(8, 3)).astype(np.float32)
  second = first + noise * rng.normal(size=(8, 3)).astype(np.float32)
  return first, second.astype(np.float32)


def test_contrastive_accuracy_equals_loops():
  accuracy = jax.jit(losses.contrastive_accuracy)
  got = [float(accuracy(*_views(noise))) for noise in (0, 0.1, 0.5, 5)]
  expected = [
    loss_oracle.contrastive_accuracy(*_views(noise))
    for noise in (0, 0.1, 0.5, 5)
  ]
  np.testing.assert_allclose(got, expected)
  assert got[0] == 1
  assert 0 < got[2] < 1


def test_contrastive_accuracy_of_collapsed_rows_is_zero():
  rows = np.ones((4, 3), np.float32)
  assert losses.contrastive_accuracy(rows, rows) == 0


def test_alignment_equals_loops():
  first, second = _views(0.5)
  got = jax.jit(losses.alignment)(first, 3 * second)
  np.testing.assert_allclose(got, loss_oracle.alignment(first, second), 1e-5)
  assert losses.alignment(first, first) == 0


def test_uniformity_equals_loops():
  rows, _ = _views(0)
  uniformity = jax.jit(losses.uniformity)
  expected = loss_oracle.uniformity(rows)
  np.testing.assert_allclose(uniformity(rows), expected, 1e-5)
  np.testing.assert_allclose(uniformity(rows * 5), expected, 1e-5)
  expected = loss_oracle.uniformity(rows, t=3.0)
  np.testing.assert_allclose(uniformity(rows, t=3.0), expected, 1e-5)


def test_uniformity_of_collapsed_rows_is_zero():
  rows = np.ones((4, 3), np.float32)
  np.testing.assert_allclose(losses.uniformity(rows), 0, atol=1e-5)


def test_contrastive_accuracy_of_nothing_is_zero():
  rows = np.ones((0, 3), np.float32)
  assert losses.contrastive_accuracy(rows, rows) == 0


def test_blocks_change_nothing(monkeypatch):
  first, second = _views(0.5)

  def outputs():
    accuracy = jax.jit(lambda *views: losses.contrastive_accuracy(*views))
    uniformity = jax.jit(jax.value_and_grad(lambda z: losses.uniformity(z)))
    return accuracy(first, second), *uniformity(first[:7])

  whole = outputs()
  monkeypatch.setattr(_row_blocks, "TILE_SIZE", 20)
  assert _row_blocks.block_count(7, 7) > 1
  for got, expected in zip(outputs(), whole, strict=True):
    np.testing.assert_allclose(got, expected, atol=1e-6)
