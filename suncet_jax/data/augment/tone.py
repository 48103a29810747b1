"""Changes of the tone curve, as Pillow defines them."""

import math

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import planes
from suncet_jax.data.augment.planes import Planes

_BITS = 8
_MAX_LEVEL = 255
_GROUP = 16  # images; where it divides those of a device, none is moved


def random_solarize(
  images: Planes, unit: jax.Array, probability: float
) -> Planes:
  """Solarizes each image with some probability, at a threshold in [0, 1).

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1].
    unit: Uniform draws [b, 2], `Draws.solarize`.
    probability: Probability of the operation.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  inverted = tuple(solarize(plane, unit[:, 1]) for plane in images)
  return planes.where(unit[:, 0] < probability, inverted, images)


def solarize(plane: jax.Array, threshold: jax.Array) -> jax.Array:
  """Inverts the pixels of [b, h, w] at or above a [b] threshold."""
  is_bright = plane >= threshold[:, None, None]
  return jnp.where(is_bright, 1.0 - plane, plane)


def posterize(plane: jax.Array, bits: jax.Array) -> jax.Array:
  """Keeps the highest bits of each pixel's 8, [b, h, w], by [b] counts."""
  step = jnp.exp2(_BITS - bits)[:, None, None]
  levels = jnp.round(plane * _MAX_LEVEL)
  return jnp.floor(levels / step) * step / _MAX_LEVEL


def autocontrast(plane: jax.Array) -> jax.Array:
  """Stretches each image of [b, h, w] to [0, 1], unless it is constant."""
  low = plane.min(axis=(1, 2), keepdims=True)
  extent = plane.max(axis=(1, 2), keepdims=True) - low
  stretched = (plane - low) / jnp.where(extent > 0, extent, 1.0)
  return jnp.where(extent > 0, stretched, plane)


def random_equalize(
  images: Planes, unit: jax.Array, probability: float
) -> Planes:
  """Equalizes each image with some probability.

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1].
    unit: Uniform draws [b, 1], `Draws.equalize`.
    probability: Probability of the operation.

  Returns:
    c arrays [b, h, w], float32 in [0, 1]; chosen images have 8-bit values.
  """
  equalized = tuple(equalize(plane) for plane in images)
  return planes.where(unit[:, 0] < probability, equalized, images)


def equalize_few(images: Planes, is_chosen: jax.Array) -> Planes:
  """Equalizes the chosen images, in time for those only.

  Args:
    images: Images, c arrays [b, h, w], float32 in [0, 1].
    is_chosen: Whether to change an image, bool [b]; few of them are.

  Returns:
    c arrays [b, h, w], float32 in [0, 1]; others keep every bit.
  """
  count, h, w = images[0].shape
  size = math.gcd(count, _GROUP)
  chosen = is_chosen.reshape(-1, size)
  counts = chosen.sum(axis=1)
  chosen_first = jnp.argsort(~chosen, axis=1, stable=True)

  def turn(number: jax.Array, groups: Planes) -> Planes:
    """Equalizes the next chosen image of each group, if there is one."""

    def one(group: jax.Array, place: jax.Array, count: jax.Array) -> jax.Array:
      image = group[place]
      image = jnp.where(number < count, equalize(image[None])[0], image)
      return group.at[place].set(image)

    places = chosen_first[:, number]
    return tuple(jax.vmap(one)(group, places, counts) for group in groups)

  groups = tuple(plane.reshape(-1, size, h, w) for plane in images)
  groups = jax.lax.fori_loop(0, counts.max(), turn, groups)
  return tuple(group.reshape(count, h, w) for group in groups)


def equalize(plane: jax.Array) -> jax.Array:
  """Flattens histograms exactly as `PIL.ImageOps.equalize` does.

  Args:
    plane: Images of one channel, float32 [b, h, w] in [0, 1]; rounded to 8
      bits first.

  Returns:
    float32 [b, h, w], multiples of 1 / 255 in [0, 1].
  """
  levels = jnp.round(plane * _MAX_LEVEL).astype(jnp.int32)
  levels = jnp.clip(levels, 0, _MAX_LEVEL)  # indices, whatever the pixels are
  return jax.vmap(_equalize_levels)(levels) / jnp.float32(_MAX_LEVEL)


def _equalize_levels(levels: jax.Array) -> jax.Array:
  """Equalizes one [h, w] image of int32 levels in [0, 255]."""
  histogram = (
    jnp.zeros(_MAX_LEVEL + 1, jnp.int32)
    .at[levels]
    .add(1, mode="promise_in_bounds")
  )
  # Pillow leaves the brightest occupied level out of the step.
  step = (levels.size - histogram[levels.max()]) // _MAX_LEVEL
  darker = jnp.cumsum(histogram) - histogram
  # A quotient of float32 has the same whole part, and XLA, which computes it
  # for every pixel, does so in a fraction of the time.
  table = jnp.floor(
    (step // 2 + darker).astype(jnp.float32)
    / jnp.maximum(step, 1).astype(jnp.float32)
  ).astype(jnp.int32)
  table = jnp.minimum(table, _MAX_LEVEL)
  # Too few pixels for a step: Pillow changes nothing.
  table = jnp.where(step == 0, jnp.arange(_MAX_LEVEL + 1), table)
  return table.at[levels].get(mode="promise_in_bounds")
