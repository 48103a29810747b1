"""Passes over images: a function applied batch by batch on the devices."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from suncet_jax.data.source import Source
from suncet_jax.devices.mesh import RowPlacement
from suncet_jax.evals.embed import embed


class Passes:
  """Passes over the images of sources, each image exactly once."""

  def __init__(self, mesh: jax.sharding.Mesh, batch_size: int) -> None:
    """Initializes without reading.

    Args:
      mesh: Mesh of all devices.
      batch_size: Images at a time, over all devices; rounded up to a multiple
        of their number.
    """
    self._batch_size = math.ceil(batch_size / mesh.size) * mesh.size
    self._placement = RowPlacement(mesh, self._batch_size)

  def over(
    self,
    apply: Callable[[jax.Array], Any],
    source: Source,
    indices: np.ndarray,
  ) -> Any:
    """Applies a function to all images, batch by batch on the devices.

    Args:
      apply: Jitted function whose results are on every process.
      source: Source of the images.
      indices: Indices of the images in the source, int [n].

    Returns:
      Results as NumPy arrays with one row for each image, in order.
    """
    placement = self._placement
    return embed(
      lambda images: apply(placement.put(_taken(images, placement.rows))),
      self._batches(source, indices),
      batch_size=self._batch_size,
    )

  def _batches(self, source: Source, indices: np.ndarray) -> Iterator[Any]:
    """Yields rows in batches; those of other processes are black."""
    # Each process reads only its own rows: the others never reach its devices.
    batches = [
      indices[i : i + self._batch_size]
      for i in range(0, len(indices), self._batch_size)
    ]
    rows = self._placement.rows
    mine = [rows[rows < len(batch)] for batch in batches]
    requests = (batch[own] for batch, own in zip(batches, mine, strict=True))
    for images, batch, own in zip(
      source.images(requests), batches, mine, strict=True
    ):
      if len(own) < len(batch):
        images = _spread(images, own, len(batch))
      yield images


def _taken(rows: Any, indices: np.ndarray) -> Any:
  return jax.tree.map(lambda leaf: leaf[indices], rows)


def _spread(rows: Any, own: np.ndarray, count: int) -> Any:
  """Returns `count` rows of zeros in which rows `own` are those given."""

  def spread(leaf: np.ndarray) -> np.ndarray:
    whole = np.zeros((count, *leaf.shape[1:]), leaf.dtype)
    whole[own] = leaf
    return whole

  return jax.tree.map(spread, rows)
