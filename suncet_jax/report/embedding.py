"""Map of embeddings in the plane: similar images are near each other."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from suncet_jax.errors import UserError

# With fewer rows t-SNE has too few neighbours to be meaningful.
_MIN_TSNE_ROWS = 10
_PERPLEXITY = 30.0
# Enough for clusters to form; 1,500 rows take a few seconds.
_TSNE_STEPS = 400
# The neighbour search of t-SNE gains nothing from more dimensions.
_TSNE_DIMENSIONS = 50
# Rows of unit length closer than this differ only by float32 rounding.
_COLLAPSE_TOLERANCE = 1e-6


def embedding_map(embeddings: np.ndarray, seed: int = 0) -> np.ndarray:
  """Maps embeddings to the plane, near ones to near points.

  Uses t-SNE (van der Maaten and Hinton, JMLR 9, 2008) on rows of length one,
  started from the principal components; for fewer than ten rows the principal
  components themselves. The same input gives the same map.

  Args:
    embeddings: Embeddings, float [n, d], finite.
    seed: Seed of t-SNE.

  Returns:
    Positions, float64 [n, 2], without unit; all zeros if all embeddings point
    in one direction.

  Raises:
    ValueError: If `embeddings` is not [n, d] or not finite.
  """
  rows = np.asarray(embeddings, np.float64)
  if rows.ndim != 2:
    raise UserError(f"embeddings must be [n, d], got shape {rows.shape}")
  if not np.isfinite(rows).all():
    raise UserError("embeddings must be finite, got NaN or infinity")
  rows = _normalize(rows)
  centred = rows - rows.mean(axis=0, keepdims=True) if len(rows) else rows
  if np.abs(centred).max(initial=0.0) < _COLLAPSE_TOLERANCE:
    return np.zeros((len(rows), 2))
  if len(rows) < _MIN_TSNE_ROWS:
    return _principal_components(centred, 2, seed)
  return _tsne(_principal_components(centred, _TSNE_DIMENSIONS, seed), seed)


def _normalize(rows: np.ndarray) -> np.ndarray:
  length = np.linalg.norm(rows, axis=1, keepdims=True)
  return rows / np.maximum(length, np.finfo(np.float64).tiny)


def _principal_components(
  rows: np.ndarray, count: int, seed: int
) -> np.ndarray:
  """Projects to at most `count` and at least two dimensions."""
  if rows.shape[1] > 2:
    count = min(count, *rows.shape)
    rows = PCA(count, random_state=seed).fit_transform(rows)
  missing = max(0, 2 - rows.shape[1])
  return np.pad(rows, [(0, 0), (0, missing)])


def _tsne(rows: np.ndarray, seed: int) -> np.ndarray:
  tsne = TSNE(
    init="pca",
    max_iter=_TSNE_STEPS,
    perplexity=min(_PERPLEXITY, (len(rows) - 1) / 3),
    random_state=seed,
    n_jobs=1,
  )
  # On so few rows several threads mostly wait for each other.
  with threadpool_limits(limits=1):
    return np.asarray(tsne.fit_transform(rows), np.float64)
