"""Images in memory as a data set, for notebooks."""

import numpy as np
from numpy.typing import ArrayLike

from suncet_jax.data.sources import ArraySource

_CHANNELS = (1, 3)


def from_arrays(
  images: ArrayLike, labels: ArrayLike | None = None
) -> ArraySource:
  """Makes a source of images that lie in memory.

  Two of them, for training and test, make a `Dataset`, with which
  `suncet_jax.train.run.run` trains.

  Args:
    images: uint8 [n, h, w, c] with c 1 or 3, or [n, h, w].
    labels: Integer [n], classes from 0 on; -1 means unlabelled. None: no image
      is labelled.

  Returns:
    The source; it refers to the arrays where it need not convert them.

  Raises:
    TypeError: If images are not uint8, or labels not integers.
    ValueError: If shapes do not go together, there is no image, or a label is
      below -1.

  Example:
    >>> import numpy as np
    >>> from suncet_jax.data import from_arrays
    >>> source = from_arrays(np.zeros((4, 8, 8), np.uint8), [0, 1, -1, -1])
    >>> source.pixels.shape, source.labels.tolist()
    ((4, 8, 8, 1), [0, 1, -1, -1])
  """
  pixels = np.asarray(images)
  if pixels.dtype != np.uint8:
    raise TypeError(f"images are {pixels.dtype}, expected uint8 (0 to 255).")
  if pixels.ndim == 3:
    if pixels.shape[2] in _CHANNELS:
      raise ValueError(
        f"images have shape {pixels.shape}, which may be one image [h, w, c] "
        "or many [n, h, w]: give images[None] or images[..., None]."
      )
    pixels = pixels[..., None]
  if pixels.ndim != 4 or pixels.shape[3] not in _CHANNELS or not pixels.size:
    raise ValueError(
      f"images have shape {pixels.shape}, expected [n, h, w, c] with c 1 or 3 "
      "and at least one image."
    )
  if labels is None:
    labels = np.full(len(pixels), -1)
  numbers = np.asarray(labels)
  if not np.issubdtype(numbers.dtype, np.integer):
    raise TypeError(f"labels are {numbers.dtype}, expected integers.")
  if numbers.shape != (len(pixels),):
    raise ValueError(
      f"labels have shape {numbers.shape}, expected {(len(pixels),)}: one per "
      "image."
    )
  if numbers.min() < -1:
    raise ValueError(
      f"label {numbers.min()} of image {numbers.argmin()}: expected a class "
      "from 0 on, or -1 for unlabelled."
    )
  return ArraySource(pixels, numbers.astype(np.int32))
