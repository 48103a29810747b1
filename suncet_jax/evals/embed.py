"""Embedding of many images, each image exactly once."""

from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from suncet_jax.errors import UserError


def embed(
  apply: Callable[[Any], Any],
  batches: Iterable[Any],
  *,
  batch_size: int | None = None,
) -> Any:
  """Applies a jitted function to batches and joins the results on the host.

  A short batch is padded with black images before the call, and their rows are
  cut off afterwards, so that `apply` is compiled for one shape only. `apply`
  must therefore treat rows independently, with batch norm in inference mode. On
  a mesh it must also place the batch, for instance
  `lambda images: predict(jax.device_put(images, batch_sharding))`, and its
  results must be addressable by this process.

  Args:
    apply: Function from images [b, h, w, c] to an array [b, f], or to a pytree
      of arrays with b rows each (such as features and projections).
    batches: Batches of images, uint8 [b, h, w, c], all of the same shape, but
      the last may be shorter; or of clips, trees of arrays with b rows each.
    batch_size: Number of rows in each call of `apply`; by default that of the
      first batch. Needed where the number of rows must be divisible by the
      number of devices and there may be fewer images than rows in a batch.

  Returns:
    Results of `apply` as NumPy arrays with one row for each image, in order.

  Raises:
    ValueError: If there is no batch, a batch is empty or larger than the batch
      size, or a result has another number of rows than the batch.
  """
  parts = []
  pending = None
  for images in batches:
    images = jax.tree.map(np.asarray, images)
    count = jax.tree.leaves(images)[0].shape[0]
    batch_size = count if batch_size is None else batch_size
    result = apply(_padded(images, count, batch_size))
    # Fetched one batch late: the host prepares a batch while the device works,
    # and no more than two batches are ever in flight.
    if pending is not None:
      parts.append(_fetch(*pending))
    pending = (result, count, batch_size)
  if pending is None:
    raise UserError("There is nothing to embed: batches is empty.")
  parts.append(_fetch(*pending))
  return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)


def _padded(images: Any, count: int, batch_size: int) -> Any:
  """Pads the batch with zeros to [batch_size, ...]."""
  missing = batch_size - count
  if count == 0 or missing < 0:
    raise UserError(
      f"A batch has {count} rows, expected 1 to {batch_size} (the first batch, "
      "or batch_size, gives the size)."
    )
  if missing == 0:
    return images
  return jax.tree.map(
    lambda leaf: np.pad(leaf, [(0, missing)] + [(0, 0)] * (leaf.ndim - 1)),
    images,
  )


def _fetch(result: Any, count: int, batch_size: int) -> Any:
  """Waits for one result and cuts off the rows of the padding."""

  def rows(leaf: ArrayLike) -> np.ndarray:
    array = np.asarray(leaf)
    if array.shape[:1] != (batch_size,):
      raise UserError(
        f"apply must return arrays with {batch_size} rows, one for each "
        f"image, got shape {array.shape}."
      )
    return array[:count]

  return jax.tree.map(rows, result)
