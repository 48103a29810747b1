"""Random numbers of an augmentation, from one key per image.

Each operation has numbers of its own, so that switching one on or off leaves
what the others draw as it was. They come from one call of the generator:
several calls take much longer to compile.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CROP_TRIES = 10
DRAWS_PER_CROP = 2 * CROP_TRIES + 2  # areas, ratios, the place


class Draws(NamedTuple):
  """Numbers uniform in [0, 1), float32; row i belongs to image i.

  Attributes:
    crop: [b, 22] areas and ratios of ten tries, then the place.
    flip: [b, 1] whether.
    jitter: [b, 7] whether, order, place of the hue, shift of the hue, and the
      factors of brightness, contrast and saturation.
    grayscale: [b, 1] whether.
    blur: [b, 2] whether, width.
    solarize: [b, 2] whether, threshold.
    equalize: [b, 1] whether.
  """

  crop: jax.Array
  flip: jax.Array
  jitter: jax.Array
  grayscale: jax.Array
  blur: jax.Array
  solarize: jax.Array
  equalize: jax.Array


# Of each field, in order; a changed count changes what every key gives.
_COUNTS = (DRAWS_PER_CROP, 1, 7, 1, 2, 2, 1)


def sample(keys: jax.Array) -> Draws:
  """Draws the numbers of every operation; those not used cost next to nothing.

  Args:
    keys: [b] typed PRNG keys.

  Returns:
    The numbers; row i is a function of `keys[i]`.
  """

  def sample_one(key: jax.Array) -> jax.Array:
    return jax.random.uniform(key, (sum(_COUNTS),), jnp.float32)

  unit = jax.vmap(sample_one)(keys)
  return Draws(*jnp.split(unit, np.cumsum(_COUNTS)[:-1], axis=1))


def between(
  unit: jax.Array, low: float | np.ndarray, high: float | np.ndarray
) -> jax.Array:
  """Maps numbers in [0, 1) to [low, high), linearly."""
  return unit * (high - low) + low
