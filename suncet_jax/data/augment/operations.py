"""RandAugment: random ones of 14 operations, each of a random strength.

An image has one operation per layer. A layer is one warp, one blend and one
change of tones for all images, each of which does nothing to most of them:
choosing among 14 branches under `vmap` would compute all of them.
"""

import enum

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import blend, tone, warp
from suncet_jax.data.augment.blend import Reference
from suncet_jax.data.augment.planes import Planes, resample

_STRONGEST = 10  # level at which an operation is as strong as it can be
_MOST_DEGREES = 30
_MOST_SHARE = 0.3  # of a shear, or of a translation in image sizes
DRAWS_PER_LAYER = 4


class Operation(enum.IntEnum):
  """Operations of RandAugment, as FixMatch uses them."""

  IDENTITY = 0
  AUTOCONTRAST = 1
  EQUALIZE = 2
  BRIGHTNESS = 3
  COLOR = 4
  CONTRAST = 5
  SHARPNESS = 6
  POSTERIZE = 7
  SOLARIZE = 8
  ROTATE = 9
  SHEAR_X = 10
  SHEAR_Y = 11
  TRANSLATE_X = 12
  TRANSLATE_Y = 13


_BLENDS = {
  Operation.BRIGHTNESS: Reference.BLACK,
  Operation.COLOR: Reference.GREY,
  Operation.CONTRAST: Reference.MEAN,
  Operation.SHARPNESS: Reference.SMOOTH,
}


def random_operations(
  images: Planes,
  unit: jax.Array,
  probability: float,
  levels: tuple[int, int],
) -> Planes:
  """Applies an operation per layer to each image, with some probability.

  Source: RandAugment (arXiv 1909.13719) in the form of FixMatch (arXiv
  2001.07685, appendix D).

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    unit: Uniform draws [b, layers, 4]: operation, decision, level, sign.
    probability: Probability of an operation, per layer.
    levels: Least and largest level, of 10; integers are drawn.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  low, high = levels

  def layer(images: Planes, unit: jax.Array) -> tuple[Planes, None]:
    operation = jnp.floor(unit[:, 0] * len(Operation)).astype(jnp.int32)
    operation = jnp.where(unit[:, 1] < probability, operation, 0)
    level = low + jnp.floor(unit[:, 2] * (high - low + 1))
    sign = jnp.where(unit[:, 3] < 0.5, 1.0, -1.0)
    return apply(images, operation, level / _STRONGEST, sign), None

  return jax.lax.scan(layer, images, unit.swapaxes(0, 1))[0]


def apply(
  images: Planes, operation: jax.Array, strength: jax.Array, sign: jax.Array
) -> Planes:
  """Applies one operation to each image.

  Each agrees with Pillow's on 8 bits to 2/255, but for ties of a rotation.

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    operation: Values of `Operation`, [b].
    strength: Strengths in [0, 1], [b].
    sign: Signs, 1 or -1, of operations that have two directions, [b].

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  _, h, w = images[0].shape
  warped = warp.warp(images, _matrices(operation, strength, sign, (h, w)))
  blended = _blended(warped, operation, strength)
  toned = tuple(_toned(plane, operation, strength) for plane in blended)
  return tone.equalize_few(toned, operation == Operation.EQUALIZE)


def _matrices(
  operation: jax.Array,
  strength: jax.Array,
  sign: jax.Array,
  size: tuple[int, int],
) -> warp.Matrices:
  def amount(wanted: Operation, values: jax.Array) -> jax.Array:
    return jnp.where(operation == wanted, sign * values, 0.0)

  degrees = jnp.floor(_MOST_DEGREES * strength)
  share = _MOST_SHARE * strength
  x, y = (jnp.floor(share * length) for length in size[::-1])
  # At most one of the three is no identity.
  turned = warp.rotation(amount(Operation.ROTATE, degrees), size)
  sheared = warp.shear(
    amount(Operation.SHEAR_X, share), amount(Operation.SHEAR_Y, share)
  )
  moved = warp.translation(
    amount(Operation.TRANSLATE_X, x), amount(Operation.TRANSLATE_Y, y)
  )
  return turned + sheared + moved - 2 * warp.identity(len(operation))


def _blended(
  images: Planes, operation: jax.Array, strength: jax.Array
) -> Planes:
  factor, reference = jnp.ones_like(strength), jnp.zeros_like(operation)
  for wanted, value in _BLENDS.items():
    is_it = operation == wanted
    factor = jnp.where(is_it, 0.05 + 0.9 * strength, factor)
    reference = jnp.where(is_it, int(value), reference)
  return blend.blend(images, factor, reference)


def _toned(
  plane: jax.Array, operation: jax.Array, strength: jax.Array
) -> jax.Array:
  bits = 4 + jnp.floor(4 * strength)
  threshold = (256 - jnp.floor(256 * strength)) / 255
  changed = {
    Operation.AUTOCONTRAST: tone.autocontrast(plane),
    Operation.POSTERIZE: tone.posterize(plane, bits),
    Operation.SOLARIZE: tone.solarize(plane, threshold),
  }
  for wanted, values in changed.items():
    plane = jnp.where((operation == wanted)[:, None, None], values, plane)
  return plane


def random_cutout(images: Planes, unit: jax.Array, share: float) -> Planes:
  """Covers a square of each image with grey, at a random place.

  Its centre is uniform over the pixels, so that a part of it may lie outside.
  Source: Cutout (arXiv 1708.04552).

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1].
    unit: Uniform draws [b, 2] of the centre's line and column.
    share: Side of the square as a share of the image's.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  _, h, w = images[0].shape

  def is_covered(unit: jax.Array, length: int) -> jax.Array:
    side = round(share * length)
    first = jnp.floor(unit * length)[:, None] - side // 2
    pixel = jnp.arange(length)
    return (pixel >= first) & (pixel < first + side)

  lines, columns = is_covered(unit[:, 0], h), is_covered(unit[:, 1], w)
  mask = lines[:, :, None] & columns[:, None, :]
  return tuple(jnp.where(mask, 128 / 255, plane) for plane in images)


def random_pad_crop(images: Planes, unit: jax.Array, pixels: int) -> Planes:
  """Moves each image by up to `pixels` in both directions, mirrored outside.

  Args:
    images: Images, c arrays [b, h, w].
    unit: Uniform draws [b, 2] of the vertical and horizontal offset.
    pixels: Width of the border, less than the image's size.

  Returns:
    c arrays [b, h, w].
  """
  _, h, w = images[0].shape
  offsets = jnp.floor(unit * (2 * pixels + 1)).astype(jnp.int32) - pixels

  def weights(offset: jax.Array, length: int) -> jax.Array:
    """Returns [b, length, length] with a 1 at the place of each input line."""
    place = jnp.abs(jnp.arange(length) + offset[:, None])
    place = jnp.where(place >= length, 2 * (length - 1) - place, place)
    return jax.nn.one_hot(place, length, dtype=jnp.float32)

  # Exact, and on a CPU faster than gathers, which XLA computes anew for the
  # flip and for each channel.
  return resample(images, weights(offsets[:, 0], h), weights(offsets[:, 1], w))
