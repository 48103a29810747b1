"""Effective rank of embeddings."""

import numpy as np
from jax.typing import ArrayLike

from suncet_jax.errors import UserError
from suncet_jax.evals import _checks


def rankme(embeddings: ArrayLike) -> float:
  """Returns the effective rank of embeddings; a low one means collapse.

  RankMe, Garrido et al. 2022 (arXiv 2210.02885), equation 1: exp(-sum_k p_k log
  p_k) with p_k the singular values divided by their sum. Here 0 log 0 is 0,
  where the paper adds a small constant. Embeddings are not centred.

  Args:
    embeddings: Real embeddings [n, d]. The result is at most n, so there should
      be more rows than columns; a few thousand are enough.

  Returns:
    A number in [1, min(n, d)]; 0 if all embeddings are zero.

  Raises:
    ValueError: If the shape is not as described, or a number is not finite.

  >>> round(rankme([[1.0, 0.0], [0.0, 1.0]]), 6)
  2.0
  """
  matrix = np.asarray(embeddings, np.float64)
  _checks.check_matrix("embeddings", matrix)
  if not np.isfinite(matrix).all():
    raise UserError("embeddings must be finite, got NaN or infinity in them.")
  singular = np.linalg.svd(matrix, compute_uv=False)
  if singular[0] == 0:
    return 0.0
  share = singular / singular.sum()
  share = share[share > 0]
  return float(np.exp(-np.sum(share * np.log(share))))
