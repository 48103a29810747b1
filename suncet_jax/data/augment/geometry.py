"""Random resized crop: drawn as torchvision does, resized as Pillow does."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import draw, planes
from suncet_jax.data.augment.planes import Planes, normalize_rows, resample


class Boxes(NamedTuple):
  """One rectangle per image, in whole pixels; every field is float32 [b]."""

  top: jax.Array
  left: jax.Array
  height: jax.Array
  width: jax.Array


def sample_boxes(
  unit: jax.Array,
  image_size: tuple[int, int],
  scale: tuple[float, float],
  ratio: tuple[float, float],
) -> Boxes:
  """Draws a crop for each image.

  Ten tries of (area uniform, log of width / height uniform); the first that
  fits into the image is placed uniformly. If none fits, it is the largest
  centred rectangle of a permitted ratio. This is torchvision's
  `RandomResizedCrop`, after the Inception crop (arXiv 1409.4842, section 6).

  Args:
    unit: Uniform draws [b, 22], `Draws.crop`.
    image_size: Height and width of the images, in pixels.
    scale: Range of the area, as a fraction of the image.
    ratio: Range of width / height.

  Returns:
    The boxes, each inside its image.
  """
  h, w = image_size
  area = h * w * draw.between(unit[:, : draw.CROP_TRIES], *scale)
  log_ratio = draw.between(unit[:, draw.CROP_TRIES : -2], *map(math.log, ratio))
  heights = jnp.round(jnp.sqrt(area * jnp.exp(-log_ratio)))
  widths = jnp.round(jnp.sqrt(area * jnp.exp(log_ratio)))
  is_fit = (heights >= 1) & (heights <= h) & (widths >= 1) & (widths <= w)
  has_fit = is_fit.any(axis=1)
  first_fit = jnp.argmax(is_fit, axis=1, keepdims=True)

  def choose(tries: jax.Array, fallback: int) -> jax.Array:
    chosen = jnp.take_along_axis(tries, first_fit, axis=1)[:, 0]
    return jnp.where(has_fit, chosen, fallback)

  def place(unit: jax.Array, free: jax.Array) -> jax.Array:
    # unit is at most 1 - 2**-23, so that the floor never reaches free + 1.
    return jnp.floor(jnp.where(has_fit, unit * (free + 1), free / 2))

  centre_height, centre_width = centre_size(image_size, ratio)
  height, width = choose(heights, centre_height), choose(widths, centre_width)
  top, left = place(unit[:, -2], h - height), place(unit[:, -1], w - width)
  return Boxes(top, left, height, width)


def crop_and_resize(planes: Planes, boxes: Boxes, size: int) -> Planes:
  """Resizes a box of each image, bilinearly and with antialiasing.

  Equal to Pillow's resize of a cropped image: a triangle filter that widens
  when shrinking and ignores pixels outside of the box.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1].
    boxes: Rectangles [b] inside the images.
    size: Height and width of the result, in pixels.

  Returns:
    c arrays [b, size, size], float32 in [0, 1].
  """
  _, h, w = planes[0].shape
  vertical = _resize_weights(boxes.top, boxes.height, h, size)
  horizontal = _resize_weights(boxes.left, boxes.width, w, size)
  return resample(planes, vertical, horizontal)


def centre_size(
  image_size: tuple[int, int], ratio: tuple[float, float]
) -> tuple[int, int]:
  """Returns height and width of the largest rectangle of a permitted ratio."""
  h, w = image_size
  low, high = ratio
  if w / h < low:
    return max(round(w / low), 1), w
  if w / h > high:
    return h, max(round(h * high), 1)
  return h, w


def _resize_weights(
  start: jax.Array, extent: jax.Array, source: int, size: int
) -> jax.Array:
  """Returns the weights of a linear antialiased resize of one axis.

  Args:
    start: First pixel of each box, [b].
    extent: Extent of each box in pixels, [b].
    source: Extent of the images in pixels.
    size: Extent of the result in pixels.

  Returns:
    float32 [b, size, source], each row summing to 1.
  """
  start, extent = start[:, None, None], extent[:, None, None]
  pixel = jnp.arange(source, dtype=jnp.float32)
  target = jnp.arange(size, dtype=jnp.float32)[:, None]
  step = extent / size
  centre = start + (target + 0.5) * step - 0.5
  distance = jnp.abs(pixel - centre) / jnp.maximum(step, 1.0)
  is_inside = (pixel >= start) & (pixel < start + extent)
  weights = jnp.where(is_inside, jnp.maximum(1.0 - distance, 0.0), 0.0)
  return normalize_rows(weights)


def random_flip(images: Planes, unit: jax.Array, probability: float) -> Planes:
  """Swaps left and right of each image with some probability.

  Args:
    images: Images, c arrays [b, h, w].
    unit: Uniform draws [b, 1], `Draws.flip`.
    probability: Probability of a mirror image.

  Returns:
    c arrays [b, h, w].
  """
  mirrored = tuple(plane[..., ::-1] for plane in images)
  return planes.where(unit[:, 0] < probability, mirrored, images)
