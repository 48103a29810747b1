"""XLA's convolution and its two gradients."""

from collections.abc import Callable
from typing import Any

import jax

Padding = tuple[tuple[int, int], tuple[int, int]]


def forward(
  images: jax.Array,
  kernel: jax.Array,
  *,
  strides: tuple[int, int],
  padding: Padding,
) -> jax.Array:
  """Convolves images [b, h, w, c] with a kernel [h, w, c, o]."""
  return jax.lax.conv_general_dilated(
    images,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )


def image_gradient(
  outputs: jax.Array,
  kernel: jax.Array,
  *,
  shape: tuple[int, ...],
  **window: Any,
) -> jax.Array:
  """Maps cotangents of the outputs to those of the images, of `shape`."""
  return _transposed(lambda x: forward(x, kernel, **window), shape, outputs)


def kernel_gradient(
  images: jax.Array,
  outputs: jax.Array,
  *,
  shape: tuple[int, ...],
  **window: Any,
) -> jax.Array:
  """Maps cotangents of the outputs to those of the kernel, of `shape`."""
  return _transposed(lambda w: forward(images, w, **window), shape, outputs)


def _transposed(
  linear: Callable[[jax.Array], jax.Array],
  shape: tuple[int, ...],
  outputs: jax.Array,
) -> jax.Array:
  operand = jax.ShapeDtypeStruct(shape, outputs.dtype)
  return jax.linear_transpose(linear, operand)(outputs)[0]
