"""XLA's convolution and its two gradients."""

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
  images = jax.ShapeDtypeStruct(shape, outputs.dtype)
  transpose = jax.linear_transpose(
    lambda images: forward(images, kernel, **window), images
  )
  return transpose(outputs)[0]


def kernel_gradient(
  images: jax.Array,
  outputs: jax.Array,
  *,
  shape: tuple[int, ...],
  **window: Any,
) -> jax.Array:
  """Maps cotangents of the outputs to those of the kernel, of `shape`."""
  kernel = jax.ShapeDtypeStruct(shape, outputs.dtype)
  transpose = jax.linear_transpose(
    lambda kernel: forward(images, kernel, **window), kernel
  )
  return transpose(outputs)[0]
