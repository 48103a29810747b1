"""The turn of the hue, without a conversion to HSV and back."""

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import planes
from suncet_jax.data.augment.planes import Planes


def shift_hue(images: Planes, shift: jax.Array) -> Planes:
  """Adds to the hue of the HSV representation, keeping saturation and value.

  With value V, chroma C and the hue H in sixths of a turn, a channel is
  V - C * ramp(H + n), n = 5, 3, 1 for red, green, blue.

  Args:
    images: Three arrays [b, h, w], float32 in [0, 1].
    shift: [b] in turns of the colour circle; 0 changes nothing.

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
