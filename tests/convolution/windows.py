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


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def with_gradients(images, kernel, strides, padding, implementation):
  """Returns outputs, image gradient and kernel gradient for cotangents."""

  def forward(images, kernel):
    return convolve(
      images,
      kernel,
      strides=strides,
      padding=padding,
      implementation=implementation,
    )

  outputs, pull_back = jax.vjp(forward, images, kernel)
  # A cotangent that is neither constant nor the outputs themselves.
  return (outputs, *pull_back(jnp.cos(3 * outputs)))


def relative_error(ours, expected):
  """Returns the norm of the difference over the norm of the second."""
  ours, expected = (np.asarray(a, np.float64) for a in (ours, expected))
  return np.linalg.norm(ours - expected) / max(np.linalg.norm(expected), 1e-9)


def uses_onednn(function, *arguments):
  """Whether a function, compiled for these arguments, calls oneDNN."""
  text = jax.jit(function).lower(*arguments).as_text()
  return "suncet_convolution" in text
