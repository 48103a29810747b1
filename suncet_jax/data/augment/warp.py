"""Affine warps of images, with the pixels that Pillow's `transform` takes."""

import jax
import jax.numpy as jnp

from suncet_jax.data.augment.planes import Planes

# Per image [b, 2, 3]: output point (x, y, 1) to input point, in pixels.
Matrices = jax.Array


# Pillow computes nearest pixels in such integers, which decides ties.
_FRACTION_BITS = 16


def identity(count: int) -> Matrices:
  """Returns matrices [count, 2, 3] that change nothing."""
  return jnp.tile(jnp.eye(2, 3), (count, 1, 1))


def rotation(degrees: jax.Array, size: tuple[int, int]) -> Matrices:
  """Returns rotations counter-clockwise about the centre.

  Args:
    degrees: Angles [b].
    size: Height and width of the images, in pixels.
  """
  turn = jnp.deg2rad(degrees)
  cosine, sine = jnp.cos(turn), jnp.sin(turn)
  y, x = size[0] / 2, size[1] / 2
  rows = [
    [cosine, -sine, x - cosine * x + sine * y],
    [sine, cosine, y - sine * x - cosine * y],
  ]
  return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=1)


def shear(along_x: jax.Array, along_y: jax.Array) -> Matrices:
  """Returns shears: x moves by `along_x` times y, y by `along_y` times x.

  Args:
    along_x: Shares [b].
    along_y: Shares [b].
  """
  made = identity(len(along_x))
  return made.at[:, 0, 1].set(along_x).at[:, 1, 0].set(along_y)


def translation(x: jax.Array, y: jax.Array) -> Matrices:
  """Returns translations by x and y pixels, [b] each, of the input point."""
  made = identity(len(x))
  return made.at[:, 0, 2].set(x).at[:, 1, 2].set(y)


def warp(images: Planes, matrices: Matrices) -> Planes:
  """Takes the nearest input pixel of each output pixel, black outside.

  Args:
    images: Images, c arrays [b, h, w].
    matrices: Maps of output to input points, [b, 2, 3].

  Returns:
    c arrays [b, h, w].
  """
  _, h, w = images[0].shape
  x, y = jnp.arange(w)[None, None, :], jnp.arange(h)[None, :, None]

  def source(row: int) -> jax.Array:
    a, b, c = (matrices[:, row, i, None, None] for i in range(3))
    start = _fixed(c + (a + b) / 2)  # the centre of the first pixel
    return (start + _fixed(a) * x + _fixed(b) * y) >> _FRACTION_BITS

  column, line = source(0), source(1)
  is_inside = (column >= 0) & (column < w) & (line >= 0) & (line < h)
  pixel = jnp.where(is_inside, line * w + column, 0).reshape(-1, h * w)

  def one(plane: jax.Array) -> jax.Array:
    flat = plane.reshape(-1, h * w)
    taken = jnp.take_along_axis(flat, pixel, axis=1, mode="promise_in_bounds")
    return jnp.where(is_inside, taken.reshape(plane.shape), 0.0)

  return tuple(map(one, images))


def _fixed(values: jax.Array) -> jax.Array:
  return jnp.floor(values * 2**_FRACTION_BITS + 0.5).astype(jnp.int32)
