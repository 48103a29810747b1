"""Finds images that are copies of others, pixel for pixel or byte for byte."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

_GRID = 8  # so many pixels per side are compared first


def digest(content: Any) -> bytes:
  """Returns 16 bytes that stand for the content, bytes or an array."""
  return hashlib.blake2b(content, digest_size=16).digest()


def copies(
  images: Sequence[bytes], others: Sequence[bytes]
) -> list[tuple[int, int]]:
  """Finds images that are among others.

  Args:
    images: Digests of images; empty ones are passed over.
    others: Digests of other images, or `images` themselves: then each image is
      compared with those before it.

  Returns:
    Positions of each copy in `images`, and of the first original in `others`.
  """
  first: dict[bytes, int] = {}
  for position, key in enumerate(others):
    first.setdefault(key, position)
  found = [
    (position, first[key])
    for position, key in enumerate(images)
    if key and key in first
  ]
  if images is others:
    found = [(copy, original) for copy, original in found if copy != original]
  return found


def in_both(images: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Returns the positions of images that are among others, int64.

  Args:
    images: Images [n, h, w, c], uint8.
    others: Other images, of the same size.
  """
  # Reading all pixels would take a second per GB: most images differ from all
  # others in a few of them.
  some, theirs = _samples(images), _samples(others)
  common = set(some) & set(theirs)
  rest = {
    digest(np.ascontiguousarray(others[i]))
    for i, sample in enumerate(theirs)
    if sample in common
  }
  return np.array(
    [
      i
      for i, sample in enumerate(some)
      if sample in common and digest(np.ascontiguousarray(images[i])) in rest
    ],
    np.int64,
  )


def _samples(images: np.ndarray) -> list[bytes]:
  """Returns a grid of pixels of each image."""
  _, height, width, _ = images.shape
  rows, columns = max(1, height // _GRID), max(1, width // _GRID)
  return [grid.tobytes() for grid in images[:, ::rows, ::columns]]
