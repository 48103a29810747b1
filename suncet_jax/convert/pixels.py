"""Pixels for a network, of arrays and of image files, as evaluation does."""

import math

import numpy as np
from PIL import Image

from suncet_jax.convert.weights import Images
from suncet_jax.data.arrays import shape_hint
from suncet_jax.data.images import crops
from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.errors import UserError


def checked(images: np.ndarray, spec: Images) -> np.ndarray:
  """Returns images [n, h, w, c], after checking them.

  Args:
    images: Images, uint8 or floating point in [0, 1].
    spec: Preparation of images.

  Raises:
    TypeError: If images have another dtype.
    ValueError: If images have another shape, or are not in [0, 1].
  """
  # One image [h, w, 1] must not be mistaken for h images one pixel wide.
  if images.ndim == 3 and spec.channels == 1 and images.shape[2] != 1:
    images = images[..., None]
  is_empty = images.ndim == 4 and not all(images.shape[1:3])
  if images.ndim != 4 or images.shape[3] != spec.channels or is_empty:
    raise UserError(
      f"images have shape {images.shape}, expected [n, h, w, {spec.channels}] "
      f"with h and w above 0{shape_hint(images.shape, (spec.channels,))}."
    )
  is_float = np.issubdtype(images.dtype, np.floating)
  if images.dtype != np.uint8 and not is_float:
    raise TypeError(
      f"images are {images.dtype}, expected uint8 (0 to 255) or floating point "
      "in [0, 1]."
    )
  # Written so that NaN fails, too.
  if is_float and images.size and not (0 <= images.min() <= images.max() <= 1):
    raise UserError(
      f"images have values from {images.min()} to {images.max()}; expected "
      "uint8, or floating point in [0, 1] (not normalised: that is done here)."
    )
  return images


def prepared(images: np.ndarray, spec: Images) -> np.ndarray:
  """Resizes images where the evaluation resizes them."""
  shape = (spec.size, spec.size)
  if not spec.resize or images.shape[1:3] == shape:
    return images
  if images.dtype != np.uint8:
    raise UserError(
      f"images of floating point are {images.shape[1]} x {images.shape[2]}, "
      f"expected {spec.size} x {spec.size}; those in uint8 may have any size."
    )
  return np.stack([_centre(image, spec) for image in images])


def decoded(encoded: bytes, spec: Images) -> np.ndarray:
  """Returns the pixels of an image file, grey or in colour as the network is.

  Where arrays are used in the size they come in, files are resized and cropped
  to `spec.size`: they come in any.

  Args:
    encoded: Content of the image file.
    spec: Preparation of images.

  Returns:
    uint8 [size, size, c].

  Raises:
    ImageError: If the image cannot be decoded.
  """
  resize = spec.resize or spec.size
  if (spec.resample, spec.crop) == ("bilinear", "rounded"):
    pixels = crops.centre(encoded, resize, spec.size)
  else:
    whole = EncodedImage(encoded).pixels()
    pixels = _centre(whole, spec._replace(channels=3, resize=resize))
  if spec.channels == 1:  # of a grey file the same values as before
    pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
  return pixels


def _centre(pixels: np.ndarray, spec: Images) -> np.ndarray:
  """Resizes the short side, then takes the centre, like the evaluation.

  The pixels are those of `suncet_jax.data.images.crops.centre`, but where the
  file of the weights names another filter or crop.
  """
  is_grey = spec.channels == 1
  image = Image.fromarray(pixels[..., 0] if is_grey else pixels)
  shape, resample = (spec.size,) * 2, Image.Resampling[spec.resample.upper()]
  if spec.crop == "whole":
    part = image.resize(shape, resample)
    return np.asarray(part).reshape(*shape, spec.channels)
  short = min(image.size)
  width, height = (extent * spec.resize // short for extent in image.size)
  whole = math.floor if spec.crop == "floored" else round
  left, top = whole((width - spec.size) / 2), whole((height - spec.size) / 2)
  across, down = image.width / width, image.height / height
  part = image.resize(
    shape,
    resample,
    (
      left * across,
      top * down,
      (left + spec.size) * across,
      (top + spec.size) * down,
    ),
  )
  return np.asarray(part).reshape(*shape, spec.channels)
