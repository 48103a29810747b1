"""Activations of heads and backbones by name."""

import functools
import math
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp


@jax.custom_vjp
def relu(x: jax.Array) -> jax.Array:
  """Returns max(x, 0), with the gradient of `flax.linen.relu`.

  What its gradient keeps is its output, which the next layer keeps as well,
  and not a mask of the input beside it. Reverse mode only.

  Args:
    x: Floating-point array of any shape.
  """
  return jnp.maximum(x, 0)


def _relu_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  y = relu(x)
  return y, y


def _relu_backward(y: jax.Array, dy: jax.Array) -> tuple[jax.Array]:
  return (jnp.where(y > 0, dy, 0),)


relu.defvjp(_relu_forward, _relu_backward)


@jax.custom_vjp
def gelu(x: jax.Array) -> jax.Array:
  """Returns x Phi(x) with the exact Phi of the normal distribution.

  Hendrycks and Gimpel 2016 (arXiv 1606.08415), without its approximation; in
  float32 where x is narrower. Its gradient keeps x alone. Reverse mode only.

  Args:
    x: Floating-point array of any shape.
  """
  wide = _wide(x)
  return (wide * _phi(wide)).astype(x.dtype)


def _gelu_forward(x: jax.Array) -> tuple[jax.Array, jax.Array]:
  return gelu(x), x


def _gelu_backward(x: jax.Array, dy: jax.Array) -> tuple[jax.Array]:
  wide = _wide(x)
  density = jnp.exp(-0.5 * jnp.square(wide)) / math.sqrt(2 * math.pi)
  return (((_phi(wide) + wide * density) * dy).astype(x.dtype),)


gelu.defvjp(_gelu_forward, _gelu_backward)


def _wide(x: jax.Array) -> jax.Array:
  return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def _phi(x: jax.Array) -> jax.Array:
  return 0.5 + 0.5 * jax.lax.erf(x * math.sqrt(0.5))


# The slope is that of FixMatch's network and CoMatch's projection.
ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
  "relu": relu,
  "leaky_relu": functools.partial(nn.leaky_relu, negative_slope=0.1),
}
