"""Changes of the tone curve, as Pillow defines them."""

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import planes
from suncet_jax.data.augment.planes import Planes

_BITS = 8
_MAX_LEVEL = 255


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


def equalize(plane: jax.Array) -> jax.Array:
  """Flattens histograms exactly as `PIL.ImageOps.equalize` does.

  Args:
    plane: Images of one channel, float32 [b, h, w] in [0, 1]; rounded to 8
      bits first.

  Returns:
    float32 [b, h, w], multiples of 1 / 255 in [0, 1].
  """
  levels = jnp.round(plane * _MAX_LEVEL).astype(jnp.int32)
  return jax.vmap(_equalize_levels)(levels) / jnp.float32(_MAX_LEVEL)


def _equalize_levels(levels: jax.Array) -> jax.Array:
  """Equalizes one [h, w] image of int32 levels in [0, 255]."""
  histogram = jnp.zeros(_MAX_LEVEL + 1, jnp.int32).at[levels].add(1)
  # Pillow leaves the brightest occupied level out of the step.
  step = (levels.size - histogram[levels.max()]) // _MAX_LEVEL
  darker = jnp.cumsum(histogram) - histogram
  table = (step // 2 + darker) // jnp.maximum(step, 1)
  # Too few pixels for a step: Pillow changes nothing.
  return jnp.where(step == 0, levels, jnp.minimum(table, _MAX_LEVEL)[levels])
