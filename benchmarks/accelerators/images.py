"""Augmentation of images, which has no gradient."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.accelerators.pieces import Piece, Size, array, name_of
from suncet_jax.data.augment import blur, geometry, planes
from suncet_jax.data.augment.geometry import Boxes

# Largest standard deviation of the ImageNet recipe, and its radius.
_RADIUS = math.ceil(4.0 * 2.0)


def pieces(size: Size) -> dict[str, Piece]:
  """Returns resize and blur of images in float32, by name.

  Args:
    size: Sizes of the images.
  """
  return {"resize": _resize(size), "blur": _blur(size)}


def _resize(size: Size) -> Piece:
  shape = (size.rows, size.pixels, size.pixels, 3)

  def plain(images: jax.Array, boxes: Boxes) -> jax.Array:
    def one(image: jax.Array, box: Boxes) -> jax.Array:
      scale = size.pixels / jnp.stack([box.height, box.width])
      start = -jnp.stack([box.top, box.left]) * scale
      return jax.image.scale_and_translate(
        image, image.shape, (0, 1), scale, start, "linear"
      )

    return jax.vmap(one)(images, boxes)

  def ours(images: jax.Array, boxes: Boxes) -> jax.Array:
    resized = geometry.crop_and_resize(planes.split(images), boxes, size.pixels)
    return planes.join(resized)

  number: Any = array((size.rows,))
  boxes = Boxes(number, number, number, number)
  return Piece(
    f"crop and resize {name_of(shape)}",
    {"`jax.image.scale_and_translate`": plain, "ours": ours},
    (array(shape), boxes),
  )


def _blur(size: Size) -> Piece:
  shape = (size.rows, size.pixels, size.pixels, 3)

  def form(
    blurred: Callable[..., planes.Planes], images: jax.Array, sigma: jax.Array
  ) -> jax.Array:
    return planes.join(blurred(planes.split(images), sigma, radius=_RADIUS))

  def chosen(images: jax.Array, sigma: jax.Array) -> jax.Array:
    everywhere = jnp.ones(sigma.shape, bool)
    parts = planes.split(images)
    return planes.join(blur.blur(parts, sigma, everywhere, _RADIUS))

  return Piece(
    f"blur {name_of(shape)}",
    {
      "by matrices": functools.partial(form, blur._by_matrices),
      "by shifts, made for the CPU": functools.partial(form, blur._by_shifts),
      "what `blur` chooses": chosen,
    },
    (array(shape), array((size.rows,))),
  )
