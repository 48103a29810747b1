"""Convolutions and all their gradients, by either implementation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.convolution import convolve


def arrays(shape, kernel_shape, dtype=jnp.float32, seed=0):
  """Returns images and a kernel of about unit outputs."""
  rng = np.random.default_rng(seed)
  scale = 1 / np.sqrt(np.prod(kernel_shape[:3]))
  images = rng.standard_normal(shape)
  kernel = rng.standard_normal(kernel_shape) * scale
  return jnp.asarray(images, dtype), jnp.asarray(kernel, dtype)


@functools.partial(jax.jit, static_argnums=(2, 3, 4, 5))
def with_gradients(
  images, kernel, strides, padding, implementation, cotangent=jnp.cos
):
  """Returns outputs, image gradient and kernel gradient for fixed cotangents.

  They are `cotangent` of 0, 3, 6, ..., not of the outputs, which differ
  between implementations.
  """

  def forward(images, kernel):
    return convolve(
      images,
      kernel,
      strides=strides,
      padding=padding,
      implementation=implementation,
    )

  outputs, pull_back = jax.vjp(forward, images, kernel)
  cotangents = cotangent(3.0 * jnp.arange(outputs.size))
  cotangents = cotangents.reshape(outputs.shape).astype(outputs.dtype)
  return (outputs, *pull_back(cotangents))


def sizes(images, kernel, strides, padding):
  """Returns the root of the summed squares of the terms of each result.

  Where terms cancel, rounding is small against these and may be large against
  the result: an output of one number can be as near to zero as it likes.
  """
  squares = with_gradients(
    *(array.astype(jnp.float32) ** 2 for array in (images, kernel)),
    strides,
    padding,
    "xla",
    _squared_cosine,
  )
  return [jnp.sqrt(array) for array in squares]


def _squared_cosine(angle):
  return jnp.cos(angle) ** 2


def relative_error(ours, expected, size=None):
  """Returns the norm of the difference over that of `size` or the second."""
  ours, expected = (np.asarray(a, np.float64) for a in (ours, expected))
  size = expected if size is None else np.asarray(size, np.float64)
  return np.linalg.norm(ours - expected) / max(np.linalg.norm(size), 1e-9)


def uses_onednn(function, *arguments):
  """Whether a function, compiled for these arguments, calls oneDNN."""
  text = jax.jit(function).lower(*arguments).as_text()
  return "suncet_convolution" in text
