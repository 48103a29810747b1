"""Digests of arrays, to find damaged files and to compare runs."""

import hashlib
from typing import Any

import jax
import numpy as np


def leaf_digests(tree: Any) -> dict[str, str]:
  """Returns a digest of shape, dtype and all bits of each leaf.

  Args:
    tree: Pytree of arrays that this process holds whole.

  Returns:
    A dict from the leaf's path to 16 hexadecimal digits of SHA-256.
  """
  leaves = jax.tree.leaves_with_path(jax.device_get(tree))
  return {
    jax.tree_util.keystr(path): _digest(np.asarray(leaf))
    for path, leaf in leaves
  }


def tree_digest(tree: Any) -> str:
  """Returns one digest of a whole pytree of arrays, 16 hexadecimal digits."""
  text = repr(sorted(leaf_digests(tree).items()))
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _digest(array: np.ndarray) -> str:
  sha = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
  sha.update(np.ascontiguousarray(array).view(np.uint8).data)
  return sha.hexdigest()[:16]
