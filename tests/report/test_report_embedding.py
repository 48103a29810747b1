"""The flat map of embeddings."""

import numpy as np
import pytest

from suncet_jax.report.embedding import embedding_map


def _blobs(n, d, distance):
  generator = np.random.default_rng(0)
  labels = np.arange(n) % 2
  centres = np.zeros((2, d))
  centres[0, 0] = centres[1, 1] = distance
  return centres[labels] + generator.normal(size=(n, d)), labels


def test_map_is_deterministic_and_keeps_blobs_apart():
  embeddings, labels = _blobs(80, 16, 20.0)
  points = embedding_map(embeddings)
  np.testing.assert_array_equal(points, embedding_map(embeddings))
  assert points.shape == (80, 2)
  distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
  np.fill_diagonal(distances, np.inf)
  # n-nearest neighbours on the map have the same class.
  np.testing.assert_array_equal(labels[distances.argmin(axis=1)], labels)


def test_length_of_rows_does_not_matter():
  embeddings, _ = _blobs(40, 8, 5.0)
  scale = 2.0 ** np.arange(40).clip(0, 8)[:, None]
  np.testing.assert_array_equal(
    embedding_map(embeddings), embedding_map(scale * embeddings)
  )


@pytest.mark.parametrize("n", [0, 1, 2, 9])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_few_rows_are_projected(n, d):
  embeddings = np.random.default_rng(0).normal(size=(n, d))
  points = embedding_map(embeddings)
  assert points.shape == (n, 2)
  assert np.isfinite(points).all()


def test_few_rows_keep_their_distances():
  """In three dimensions on a circle, the principal plane loses nothing."""
  angles = np.linspace(0, 2, 7)
  rows = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
  points = embedding_map(3 * rows)
  np.testing.assert_allclose(
    np.linalg.norm(points[:, None] - points[None], axis=-1),
    np.linalg.norm(rows[:, None] - rows[None], axis=-1),
    atol=1e-9,
  )


def test_collapsed_embeddings_are_one_point():
  np.testing.assert_array_equal(
    embedding_map(np.ones((30, 4))), np.zeros((30, 2))
  )


def test_bad_embeddings_are_refused():
  with pytest.raises(ValueError, match=r"got shape \(3,\)"):
    embedding_map(np.zeros(3))
  with pytest.raises(ValueError, match="finite"):
    embedding_map(np.full((3, 2), np.nan))
