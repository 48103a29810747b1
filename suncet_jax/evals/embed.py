"""Features of many images, each image exactly once."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.errors import UserError


def embed(
  apply: Callable[[np.ndarray], Any],
  batches: Iterable[ArrayLike],
  *,
  batch_size: int | None = None,
) -> Any:
  """Applies a jitted function to batches and joins the results on the host.

  A short batch is filled up with black images before the call and the rows of
  these are cut off afterwards, so that `apply` is compiled for one shape only.
  `apply` must therefore treat the rows independently: batch norm in inference
  mode. On a mesh it also places the batch, for instance
  `lambda images: predict(jax.device_put(images, batch_sharding))`, and its
  results must be readable from this process.

  Args:
    apply: images [b, h, w, c] -> array [b, f], or a pytree of arrays with b
      rows each (features and projection, say).
    batches: images, uint8 [b, h, w, c]; equal shapes, the last may be shorter.
    batch_size: rows in each call of `apply`; the first batch's by default.
      Give it where the number of rows must be divisible by the number of
      devices and there may be fewer images than one batch has rows.

  Returns:
    What `apply` returns, as numpy arrays with one row for each image, in order.

  Raises:
    ValueError: if there is no batch, a batch is empty or larger than the batch
      size, or a result has another number of rows than the batch.
  """
  parts = []
  pending = None
  for images in batches:
    images = np.asarray(images)
    count = images.shape[0]
    batch_size = count if batch_size is None else batch_size
    result = apply(_padded(images, batch_size))
    # Fetched one batch late: the host prepares a batch while the device works,
    # and no more than two batches are ever in flight.
    if pending is not None:
      parts.append(_fetch(*pending))
    pending = (result, count, batch_size)
  if pending is None:
    raise UserError("There is nothing to embed: batches is empty.")
  parts.append(_fetch(*pending))
  return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def _padded(images: np.ndarray, batch_size: int) -> np.ndarray:
  """Fills the batch up with zeros to [batch_size, ...]."""
  missing = batch_size - images.shape[0]
  if images.shape[0] == 0 or missing < 0:
    raise UserError(
      f"A batch has {images.shape[0]} rows, expected 1 to {batch_size} (the "
      "first batch, or batch_size, gives the size)."
    )
  if missing == 0:
    return images
  return np.pad(images, [(0, missing)] + [(0, 0)] * (images.ndim - 1))


def _fetch(result: Any, count: int, batch_size: int) -> Any:
  """Waits for one result and cuts the rows of the padding off."""

  def rows(leaf: ArrayLike) -> np.ndarray:
    array = np.asarray(leaf)
    if array.shape[:1] != (batch_size,):
      raise UserError(
        f"apply must return arrays with {batch_size} rows, one for each "
        f"image, got shape {array.shape}."
      )
    return array[:count]

  return jax.tree.map(rows, result)
