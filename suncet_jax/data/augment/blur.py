"""Gaussian blur with a width of its own for each image."""

import jax
import jax.numpy as jnp

from suncet_jax.data.augment import draw
from suncet_jax.data.augment.planes import Planes, normalise_rows, resample


def random_blur(
  planes: Planes,
  unit: jax.Array,
  probability: float,
  sigma: tuple[float, float],
) -> Planes:
  """Blurs each image with some probability.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1].
    unit: [b, 2] uniform draws, `Draws.blur`.
    probability: Probability of a blur.
    sigma: Range of the standard deviation, drawn uniformly, in pixels.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  is_blurred = unit[:, 0] < probability
  return blur(planes, draw.between(unit[:, 1], *sigma), is_blurred)


def blur(planes: Planes, sigma: jax.Array, is_blurred: jax.Array) -> Planes:
  """Convolves with a Gaussian whose weights inside the image sum to 1.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1].
    sigma: [b] standard deviations, in pixels.
    is_blurred: [b] images that are concerned; others come back as they are.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  _, h, w = planes[0].shape
  vertical = _blur_weights(sigma, is_blurred, h)
  horizontal = vertical if h == w else _blur_weights(sigma, is_blurred, w)
  return resample(planes, vertical, horizontal)


def _blur_weights(
  sigma: jax.Array, is_blurred: jax.Array, extent: int
) -> jax.Array:
  """Returns [b, extent, extent] weights; the identity where nothing blurs."""
  pixel = jnp.arange(extent, dtype=jnp.float32)
  distance = (pixel[:, None] - pixel) / sigma[:, None, None]
  weights = normalise_rows(jnp.exp(-0.5 * distance**2))
  identity = jnp.eye(extent, dtype=jnp.float32)
  return jnp.where(is_blurred[:, None, None], weights, identity)
