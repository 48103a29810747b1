"""Effective rank of embeddings of known spectra."""

import numpy as np
import pytest

from suncet_jax.evals import rank


@pytest.mark.parametrize("d", [1, 4, 16])
def test_equal_singular_values_use_every_dimension(d):
  embeddings = np.tile(3 * np.eye(d), (5, 1))
  assert rank.rankme(embeddings) == pytest.approx(d, rel=1e-12)


def test_collapsed_embeddings_use_one_dimension():
  embeddings = np.outer(np.arange(1, 50), np.arange(1, 9))
  assert rank.rankme(embeddings) == pytest.approx(1, abs=1e-9)


def test_known_spectrum():
  random = np.random.default_rng(0)
  left, _ = np.linalg.qr(random.standard_normal((40, 3)))
  right, _ = np.linalg.qr(random.standard_normal((3, 3)))
  embeddings = left * np.array([5.0, 3.0, 2.0]) @ right
  share = np.array([0.5, 0.3, 0.2])
  expected = np.exp(-(share * np.log(share)).sum())
  assert rank.rankme(embeddings) == pytest.approx(expected, rel=1e-9)
  assert rank.rankme(7 * embeddings) == pytest.approx(expected, rel=1e-9)


def test_embeddings_of_zero_have_rank_zero():
  assert rank.rankme(np.zeros((4, 3))) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_refuses_numbers_that_are_not_finite(value):
  with pytest.raises(ValueError, match="finite"):
    rank.rankme([[1.0, value]])
