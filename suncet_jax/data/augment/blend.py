"""Brightness, contrast and saturation as cases of one operation.

The operation is a blend

    factor * image + (1 - factor) * reference

with black, the mean grey or the grey image as the reference. Which of them
comes first can then be data, without computing all three in every place.
"""

import enum
from collections.abc import Collection

import jax
import jax.numpy as jnp

from suncet_jax.data.augment.planes import Planes, luma


class Reference(enum.IntEnum):
  """What an image is blended with."""

  BLACK = 0  # changes the brightness
  MEAN = 1  # the mean grey of the image: changes the contrast
  GREY = 2  # the image without colours: changes the saturation


def blend(
  planes: Planes,
  factor: jax.Array,
  reference: jax.Array,
  possible: Collection[Reference] = tuple(Reference),
) -> Planes:
  """Blends each image with its reference and clips to [0, 1].

  As torchvision's `adjust_brightness`, `_contrast` and `_saturation`. A factor
  of 1 changes nothing, to the last bit.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    factor: [b] float32, not negative.
    reference: [b] values of `Reference`.
    possible: The references that can occur; others are not computed.

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
  factor = factor[:, None, None]
  return tuple(jnp.clip(factor * plane + addend, 0.0, 1.0) for plane in planes)


def blend_in_order(
  planes: Planes,
  factors: jax.Array,
  references: jax.Array,
  possible: Collection[Reference],
) -> Planes:
  """Applies k blends to each image, one after the other.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    factors: [b, k] float32, not negative.
    references: [b, k] values of `Reference`.
    possible: The references that can occur.

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
