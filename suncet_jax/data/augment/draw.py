"""Random numbers of an augmentation, from one key per image.

Each operation has its own numbers, so that switching one on or off does not
change what the others draw.
"""

import functools
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


class ExtraDraws(NamedTuple):
  """Numbers of the operations that came later, uniform in [0, 1), float32.

  Attributes:
    pad_crop: Vertical and horizontal offset, [b, 2].
    cutout: Line and column of the centre, [b, 2].
    operations: Operation, decision, level and sign of each layer, [b, k, 4].
  """

  pad_crop: jax.Array
  cutout: jax.Array
  operations: jax.Array


def sample_extra(keys: jax.Array, layers: int) -> ExtraDraws:
  """Draws the numbers of `ExtraDraws`, of a stream of their own.

  Args:
    keys: Typed PRNG keys [b], as for `sample`, whose numbers do not change.
    layers: Number of layers of operations.
  """

  def sample_one(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    squares, operations = jax.random.split(jax.random.fold_in(key, 1))
    layer_keys = jax.vmap(functools.partial(jax.random.fold_in, operations))(
      jnp.arange(layers)
    )
    draw = functools.partial(jax.random.uniform, shape=(4,), dtype=jnp.float32)
    return draw(squares), jax.vmap(draw)(layer_keys)

  squares, operations = jax.vmap(sample_one)(keys)
  return ExtraDraws(squares[:, :2], squares[:, 2:], operations)


def between(
  unit: jax.Array, low: float | np.ndarray, high: float | np.ndarray
) -> jax.Array:
  """Maps numbers in [0, 1) to [low, high), linearly."""
  return unit * (high - low) + low
