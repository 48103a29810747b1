"""Random numbers of an augmentation, from one key per image.

Each operation has its own numbers, so that switching one on or off does not
change what the others draw.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CROP_TRIES = 10
DRAWS_PER_CROP = 2 * CROP_TRIES + 2  # areas, ratios, position


class Draws(NamedTuple):
  """Numbers uniform in [0, 1), float32; row i belongs to image i.

  Attributes:
    crop: Areas and ratios of ten tries, then the position, [b, 22].
    flip: Decision to flip, [b, 1].
    jitter: Decision, order, position of the hue, shift of the hue, and factors
      of brightness, contrast and saturation, [b, 7].
    grayscale: Decision to drop the colours, [b, 1].
    blur: Decision and width, [b, 2].
    solarize: Decision and threshold, [b, 2].
    equalize: Decision to equalize, [b, 1].
  """

  crop: jax.Array
  flip: jax.Array
  jitter: jax.Array
  grayscale: jax.Array
  blur: jax.Array
  solarize: jax.Array
  equalize: jax.Array


# Numbers per field, in order; a changed count changes what every key gives.
_COUNTS = (DRAWS_PER_CROP, 1, 7, 1, 2, 2, 1)


def sample(keys: jax.Array) -> Draws:
  """Draws the numbers of every operation; unused ones cost next to nothing.

  Args:
    keys: Typed PRNG keys [b].

  Returns:
    The numbers; row i is a function of `keys[i]`.
  """

  # One call of the generator: several take much longer to compile.
  def sample_one(key: jax.Array) -> jax.Array:
    return jax.random.uniform(key, (sum(_COUNTS),), jnp.float32)

  unit = jax.vmap(sample_one)(keys)
  return Draws(*jnp.split(unit, np.cumsum(_COUNTS)[:-1], axis=1))


def between(
  unit: jax.Array, low: float | np.ndarray, high: float | np.ndarray
) -> jax.Array:
  """Maps numbers in [0, 1) to [low, high), linearly."""
  return unit * (high - low) + low
