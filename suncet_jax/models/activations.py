"""Activations of heads and backbones by name."""

import functools
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

# The slope is that of FixMatch's network and CoMatch's projection.
ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
  "relu": relu,
  "leaky_relu": functools.partial(nn.leaky_relu, negative_slope=0.1),
}
