"""Class tokens that contain their position, as timm's with registers do.

timm keeps no position embedding of the class token where there are registers
(and in DeiT III): it is added to the token for good. Ours is kept apart, like
that of most, and is then zero.
"""

import math
from collections.abc import Mapping

import numpy as np

from suncet_jax.convert.weights import Leaves, Weights

_POSITIONS, _TOKEN = ("backbone", "positions"), ("backbone", "class_token")


def is_square(count: int) -> bool:
  """Returns whether so many embeddings are those of a square of patches."""
  return count > 0 and math.isqrt(count) ** 2 == count


def unfolded(
  tensors: Mapping[str, np.ndarray], name: str
) -> Mapping[str, np.ndarray]:
  """Returns tensors in which the class token has a position embedding.

  Args:
    tensors: Tensors by name.
    name: Name of the position embeddings [1, n, d]; zero is put before them
      where they are those of the patches alone.
  """
  own = tensors[name]
  if not is_square(own.shape[1]):
    return tensors
  padded = np.concatenate([np.zeros_like(own[:, :1]), own], axis=1)
  return {**tensors, name: padded}


def is_folded(weights: Weights) -> bool:
  """Returns whether timm's class token contains its position."""
  if _TOKEN not in weights.leaves:
    return False
  has_registers = bool(weights.model["vit"]["registers"])
  return has_registers or not weights.leaves[_POSITIONS][:, 0].any()


def folded(weights: Weights) -> Leaves:
  """Returns the leaves with the class token as timm has it."""
  if not is_folded(weights):
    return weights.leaves
  positions = weights.leaves[_POSITIONS]
  return {
    **weights.leaves,
    _TOKEN: weights.leaves[_TOKEN] + positions[:, :1],
    _POSITIONS: positions[:, 1:],
  }
