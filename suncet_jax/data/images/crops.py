"""Crops of one image on the host: drawn, decoded and resized."""

import math
from collections.abc import Sequence

import numpy as np

from suncet_jax.data.augment.draw import CROP_TRIES
from suncet_jax.data.augment.geometry import centre_size
from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.data.images.resample import crop_and_resize
from suncet_jax.data.source import Crop

# Evaluation decodes a large JPEG at reduced size only where the decoded image
# stays this much larger than its result.
_LEAST_OVERSAMPLING = 2.0

Box = tuple[int, int, int, int]  # left, top, width, height


def sample_box(
  unit: np.ndarray, image_size: tuple[int, int], crop: Crop
) -> Box:
  """Draws a crop as `suncet_jax.data.augment.geometry.sample_boxes` does.

  Args:
    unit: Uniform draws in [0, 1), float64 [22]: areas and ratios of ten tries,
      then the position.
    image_size: Height and width of the image, in pixels.
    crop: Crop, with its ranges of area and ratio.

  Returns:
    (left, top, width, height) of the box.
  """
  height, width = image_size
  areas = unit[:CROP_TRIES] * (crop.scale[1] - crop.scale[0]) + crop.scale[0]
  low, high = map(math.log, crop.ratio)
  ratios = np.exp(unit[CROP_TRIES:-2] * (high - low) + low)
  areas *= height * width
  for area, ratio in zip(areas.tolist(), ratios.tolist(), strict=True):
    h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
    if 1 <= h <= height and 1 <= w <= width:
      top, left = unit[-2] * (height - h + 1), unit[-1] * (width - w + 1)
      return int(left), int(top), w, h
  h, w = centre_size(image_size, crop.ratio)
  return (width - w) // 2, (height - h) // 2, w, h


def write_crops(
  encoded: bytes,
  draws: np.ndarray,
  crops: Sequence[Crop],
  outs: list[np.ndarray],
) -> None:
  """Decodes an image once and makes one crop per view.

  If all crops shrink their part of a JPEG image to a half or less, it is
  decoded at a half, a quarter or an eighth of its size.

  Args:
    encoded: Content of the image file.
    draws: Uniform draws in [0, 1), float64 [v, 22].
    crops: Crops, one per view.
    outs: Arrays to fill in, one per view, uint8 [size, size, 3].

  Raises:
    ImageError: If the image cannot be decoded.
  """
  image = EncodedImage(encoded)
  boxes = [
    sample_box(unit, image.size, crop)
    for unit, crop in zip(draws, crops, strict=True)
  ]
  reduction = min(
    min(box[2:]) / crop.size for box, crop in zip(boxes, crops, strict=True)
  )
  pixels = image.pixels(reduction)
  for box, crop, out in zip(boxes, crops, outs, strict=True):
    if pixels.shape[:2] != image.size:
      box = _reduced(box, image.size, pixels.shape[:2])
    crop_and_resize(pixels, box, (crop.size, crop.size), out=out)


def centre(encoded: bytes, resize: int, size: int) -> np.ndarray:
  """Returns an image as evaluation sees it.

  The short side is resized to `resize` pixels, then the centre is cropped, as
  in torchvision's `Resize` and `CenterCrop`.

  Args:
    encoded: Content of the image file.
    resize: Length of the short side after resizing, in pixels.
    size: Height and width of the centre, in pixels.

  Returns:
    uint8 [size, size, 3].

  Raises:
    ImageError: If the image cannot be decoded.
  """
  image = EncodedImage(encoded)
  short = min(image.size)
  height, width = (extent * resize // short for extent in image.size)
  top, left = round((height - size) / 2), round((width - size) / 2)
  # A single resize of the wanted part gives the same pixels.
  return image.resized_part(
    (
      left / width,
      top / height,
      (left + size) / width,
      (top + size) / height,
    ),
    size,
    reduction=short / resize / _LEAST_OVERSAMPLING,
  )


def _reduced(box: Box, full: tuple[int, int], reduced: tuple[int, int]) -> Box:
  """Returns the same part of an image that was decoded at a smaller size."""
  down, across = reduced[0] / full[0], reduced[1] / full[1]
  left, top, width, height = box
  left, top = round(left * across), round(top * down)
  width, height = max(1, round(width * across)), max(1, round(height * down))
  return left, top, min(width, reduced[1] - left), min(height, reduced[0] - top)
