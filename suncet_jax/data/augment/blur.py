"""Gaussian blur with a separate width for each image."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.data.augment import draw
from suncet_jax.data.augment.planes import (
  Planes,
  normalize_rows,
  resample,
  where,
)

# Cut-off of the Gaussian in standard deviations: 6e-5 of its weight lies
# beyond, which moves no 8-bit pixel by more than 1/60 of a level.
_REACH = 4.0
# On a CPU, shifts are faster than matrices up to a quarter of the image, as
# long as XLA fuses them into one loop.
_MAX_SHIFT_SHARE, _MAX_SHIFT = 1 / 4, 32


def random_blur(
  planes: Planes,
  unit: jax.Array,
  probability: float,
  sigma: tuple[float, float],
) -> Planes:
  """Blurs each image with some probability.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1].
    unit: Uniform draws [b, 2], `Draws.blur`.
    probability: Probability of a blur.
    sigma: Range of the standard deviation, drawn uniformly, in pixels.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  is_blurred = unit[:, 0] < probability
  drawn = draw.between(unit[:, 1], *sigma)
  return blur(planes, drawn, is_blurred, math.ceil(_REACH * sigma[1]))


def blur(
  planes: Planes, sigma: jax.Array, is_blurred: jax.Array, radius: int
) -> Planes:
  """Convolves with a Gaussian whose weights inside the image sum to 1.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1].
    sigma: Standard deviations [b], in pixels.
    is_blurred: Mask [b] of the images to blur; others come back unchanged.
    radius: Distance, along either axis, beyond which pixels have no weight.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  _, h, w = planes[0].shape
  radius = min(radius, max(h, w) - 1)
  most = min(_MAX_SHIFT_SHARE * min(h, w), _MAX_SHIFT)
  blurred = jax.lax.platform_dependent(
    planes,
    sigma,
    cpu=partial(_by_shifts if radius <= most else _by_matrices, radius=radius),
    default=partial(_by_matrices, radius=radius),
  )
  return where(is_blurred, blurred, planes)


def _by_shifts(planes: Planes, sigma: jax.Array, radius: int) -> Planes:
  """Blurs all images by adding up shifted copies."""
  weights = _gaussian(jnp.arange(radius + 1), sigma[:, None])

  def one(plane: jax.Array) -> jax.Array:
    result = _shift_sum(_shift_sum(plane, weights, 2), weights, 1)
    # Rounding can leave the sum of the weights a little above 1.
    return jnp.clip(result, 0.0, 1.0)

  return tuple(map(one, planes))


def _by_matrices(planes: Planes, sigma: jax.Array, radius: int) -> Planes:
  """Blurs all images by products with a matrix for each axis."""
  _, h, w = planes[0].shape

  def matrices(extent: int) -> jax.Array:
    pixel = jnp.arange(extent)
    distance = jnp.abs(pixel[:, None] - pixel)
    weights = _gaussian(distance, sigma[:, None, None])
    return normalize_rows(jnp.where(distance <= radius, weights, 0.0))

  vertical = matrices(h)
  return resample(planes, vertical, vertical if h == w else matrices(w))


def _gaussian(distance: jax.Array, sigma: jax.Array) -> jax.Array:
  """Returns the weight at a distance in whole pixels: 1 at 0."""
  return jnp.exp(-0.5 * (distance.astype(jnp.float32) / sigma) ** 2)


def _shift_sum(plane: jax.Array, weights: jax.Array, axis: int) -> jax.Array:
  """Convolves one axis.

  Args:
    plane: Images of one channel, float32 [b, h, w].
    weights: Weights of a pixel and its neighbours, float32 [b, radius + 1].
    axis: Axis to convolve, 1 or 2.

  Returns:
    [b, h, w] float32.
  """
  radius, extent = weights.shape[1] - 1, plane.shape[axis]
  margin = [(0, 0)] * 3
  margin[axis] = (radius, radius)
  # Without the barrier XLA tests for the margin at every read, which takes
  # half as long again.
  padded = jax.lax.optimization_barrier(jnp.pad(plane, margin))
  total = jnp.zeros((), jnp.float32)
  for start in range(2 * radius + 1):
    shifted = jax.lax.slice_in_dim(padded, start, start + extent, axis=axis)
    total += weights[:, abs(start - radius), None, None] * shifted
  return total / jnp.expand_dims(_sum_inside(weights, extent), 3 - axis)


def _sum_inside(weights: jax.Array, extent: int) -> jax.Array:
  """Returns the sum of the weights inside the image, [b, extent]."""
  sums = jnp.cumsum(weights, axis=1)
  before = sums[:, np.minimum(np.arange(extent), weights.shape[1] - 1)]
  # Both sides count the pixel itself, whose weight is 1.
  return before + before[:, ::-1] - 1.0
