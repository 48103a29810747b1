"""XLA's convolution and its two gradients.

A kernel may have a wider dtype than images and outputs. It is rounded to their
dtype, but its gradient is not: several devices compute it in parts, which are
then summed in the dtype of the kernel.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding
from jax.typing import DTypeLike

Padding = tuple[tuple[int, int], tuple[int, int]]


def forward(
  images: jax.Array,
  kernel: jax.Array,
  *,
  strides: tuple[int, int],
  padding: Padding,
) -> jax.Array:
  """Convolves images [b, h, w, c] with a kernel [h, w, c, o]."""
  convolve = _rounding if _is_wider(kernel, images) else _convolve
  return convolve(images, kernel, strides, padding)


def _is_wider(kernel: jax.Array, images: jax.Array) -> bool:
  return (
    jnp.issubdtype(images.dtype, jnp.floating)
    and kernel.dtype != images.dtype
    and kernel.dtype == jnp.promote_types(images.dtype, kernel.dtype)
  )


def _convolve(
  images: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, int],
  padding: Padding,
) -> jax.Array:
  return jax.lax.conv_general_dilated(
    images,
    kernel,
    window_strides=strides,
    padding=padding,
    dimension_numbers=("NHWC", "HWIO", "NHWC"),
  )


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _rounding(
  images: jax.Array,
  kernel: jax.Array,
  strides: tuple[int, int],
  padding: Padding,
) -> jax.Array:
  """Convolves with a wider kernel. Reverse mode only."""
  return _convolve(images, kernel.astype(images.dtype), strides, padding)


def _rounding_forward(
  images: jax.Array, kernel: jax.Array, *window: Any
) -> tuple[jax.Array, Any]:
  return _rounding(images, kernel, *window), (images, kernel)


def _rounding_backward(
  strides: tuple[int, int], padding: Padding, operands: Any, outputs: jax.Array
) -> tuple[jax.Array, jax.Array]:
  images, kernel = operands
  window: dict[str, Any] = {"strides": strides, "padding": padding}
  return (
    image_gradient(outputs, kernel, shape=images.shape, **window),
    kernel_gradient(
      images,
      outputs,
      shape=kernel.shape,
      dtype=kernel.dtype,
      sharding=jax.typeof(kernel).sharding,
      **window,
    ),
  )


_rounding.defvjp(_rounding_forward, _rounding_backward)


def image_gradient(
  outputs: jax.Array,
  kernel: jax.Array,
  *,
  shape: tuple[int, ...],
  strides: tuple[int, int],
  padding: Padding,
) -> jax.Array:
  """Maps cotangents of the outputs to those of the images [*shape]."""
  kernel = kernel.astype(outputs.dtype)
  images = jax.ShapeDtypeStruct(shape, outputs.dtype)
  transposed = jax.linear_transpose(
    lambda images: _convolve(images, kernel, strides, padding), images
  )
  return transposed(outputs)[0]


def kernel_gradient(
  images: jax.Array,
  outputs: jax.Array,
  *,
  shape: tuple[int, ...],
  dtype: DTypeLike,
  strides: tuple[int, int],
  padding: Padding,
  sharding: NamedSharding | None = None,
) -> jax.Array:
  """Maps cotangents of the outputs to those of the kernel [*shape].

  Where `dtype` is wider than that of images and outputs, sums are returned in
  it; but for NVIDIA's GPUs, where XLA would convert all images and outputs to
  it first: there each device rounds its sums, which cuDNN makes in float32.
  """
  if outputs.size == 0:
    return jnp.zeros(shape, dtype)
  # The images are convolved with the outputs, which are dilated by the strides.
  # The padding gives the outputs as many positions as the kernel has entries.
  pads = [
    (low, (out - 1) * stride + size - length - low)
    for (low, _), out, stride, size, length in zip(
      padding,
      outputs.shape[1:3],
      strides,
      shape[:2],
      images.shape[1:3],
      strict=True,
    )
  ]

  def sums(
    images: jax.Array, outputs: jax.Array, *, of: DTypeLike
  ) -> jax.Array:
    return jax.lax.conv_general_dilated(
      images,
      outputs,
      window_strides=(1, 1),
      padding=pads,
      rhs_dilation=strides,
      dimension_numbers=("CHWN", "IHWO", "HWNC"),
      preferred_element_type=of,
      out_sharding=sharding,
    ).astype(dtype)

  wide = functools.partial(sums, of=dtype)
  if dtype == outputs.dtype:
    return wide(images, outputs)
  rounded = functools.partial(sums, of=outputs.dtype)
  return jax.lax.platform_dependent(images, outputs, cuda=rounded, default=wide)
