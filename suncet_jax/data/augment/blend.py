"""Brightness, contrast, saturation and sharpness as one operation.

The operation is a blend

    factor * image + (1 - factor) * reference

with black, the mean grey, the grey image or the smoothed one as the reference.
Their order can then differ per image without computing all at every position.
"""

import enum
from collections.abc import Collection

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import planes
from suncet_jax.data.augment.planes import Planes, luma


class Reference(enum.IntEnum):
  """The reference that an image is blended with."""

  BLACK = 0  # changes the brightness
  MEAN = 1  # the mean grey of the image: changes the contrast
  GREY = 2  # the image without colours: changes the saturation
  SMOOTH = 3  # the image smoothed: changes the sharpness


def blend(
  planes: Planes,
  factor: jax.Array,
  reference: jax.Array,
  possible: Collection[Reference] = tuple(Reference),
) -> Planes:
  """Blends each image with its reference and clips to [0, 1].

  Equal to torchvision's `adjust_brightness`, `adjust_contrast` and
  `adjust_saturation`, and to Pillow's `ImageEnhance`. A factor of 1 leaves
  every bit unchanged.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    factor: Factors, float32 [b], not negative.
    reference: Values of `Reference`, [b].
    possible: References that can occur; others are not computed.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  grey = luma(planes)

  def weight(wanted: Reference) -> jax.Array:
    share = jnp.where(reference == wanted, 1.0 - factor, 0.0)
    return share[:, None, None]

  addend = jnp.zeros((), jnp.float32)
  if Reference.MEAN in possible:
    mean = grey.mean(axis=(1, 2), keepdims=True)
    addend += weight(Reference.MEAN) * mean
  if Reference.GREY in possible:
    addend += weight(Reference.GREY) * grey
  addends = [addend] * len(planes)
  if Reference.SMOOTH in possible:
    share = weight(Reference.SMOOTH)
    addends = [addend + share * _smoothed(plane) for plane in planes]
  factor = factor[:, None, None]
  return tuple(
    jnp.clip(factor * plane + each, 0.0, 1.0)
    for plane, each in zip(planes, addends, strict=True)
  )


def _smoothed(plane: jax.Array) -> jax.Array:
  """Returns means of 3 x 3 pixels, the centre five times; borders as they are.

  Pillow's `ImageFilter.SMOOTH`.
  """
  lines = plane[:, :-2] + plane[:, 1:-1] + plane[:, 2:]
  total = lines[..., :-2] + lines[..., 1:-1] + lines[..., 2:]
  inner = (total + 4 * plane[:, 1:-1, 1:-1]) / 13
  return plane.at[:, 1:-1, 1:-1].set(inner)


def blend_in_order(
  planes: Planes,
  factors: jax.Array,
  references: jax.Array,
  possible: Collection[Reference],
) -> Planes:
  """Applies k blends to each image, one after the other.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    factors: Factors, float32 [b, k], not negative.
    references: Values of `Reference`, [b, k].
    possible: References that can occur.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """

  def step(
    planes: Planes, blends: tuple[jax.Array, jax.Array]
  ) -> tuple[Planes, None]:
    return blend(planes, *blends, possible), None

  # A loop although k is small: unrolled, XLA computes earlier blends anew for
  # every later mean, which made the whole augmentation many times slower.
  return jax.lax.scan(step, planes, (factors.T, references.T))[0]


def shift_hue(images: Planes, shift: jax.Array) -> Planes:
  """Shifts the hue of the HSV representation, keeping saturation and value.

  With value V, chroma C and the hue H in sixths of a turn, a channel is
  V - C * ramp(H + n), n = 5, 3, 1 for red, green, blue.

  Args:
    images: Images, three arrays [b, h, w], float32 in [0, 1].
    shift: Shifts [b] in turns of the colour circle; 0 changes nothing.

  Returns:
    Three arrays [b, h, w], float32 in [0, 1].
  """
  red, green, blue = images
  value = jnp.maximum(jnp.maximum(red, green), blue)
  chroma = value - jnp.minimum(jnp.minimum(red, green), blue)
  hue = _hue(images, value, chroma) + 6 * shift[:, None, None]
  turned = tuple(
    jnp.clip(value - chroma * _ramp(hue + offset), 0.0, 1.0)
    for offset in (5, 3, 1)
  )
  return planes.where(shift != 0, turned, images)


def _ramp(position: jax.Array) -> jax.Array:
  """Returns the trapezoid of period 6 that is 1 on [1, 3], 0 on [4, 6]."""
  # jnp.mod would call the C library for every pixel.
  position = position - 6.0 * jnp.floor(position / 6.0)
  return jnp.clip(jnp.minimum(position, 4.0 - position), 0.0, 1.0)


def _hue(images: Planes, value: jax.Array, chroma: jax.Array) -> jax.Array:
  """Returns the hue in sixths of a turn, in [-1, 5]; 0 for greys."""
  red, green, blue = images
  scale = 1.0 / jnp.where(chroma > 0, chroma, 1.0)
  from_red = (green - blue) * scale
  from_green = 2.0 + (blue - red) * scale
  from_blue = 4.0 + (red - green) * scale
  return jnp.where(
    value == red, from_red, jnp.where(value == green, from_green, from_blue)
  )
