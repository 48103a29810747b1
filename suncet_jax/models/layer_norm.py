"""Layer normalisation with a gradient that keeps little."""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.models.numerics import Numerics


class LayerNorm(nn.Module):
  """Layer norm: gamma * (x - mean) / sqrt(variance + epsilon) + beta.

  Ba et al. 2016 (arXiv 1607.06450), of each token by itself.

  Attributes:
    numerics: Dtypes; statistics are computed in `numerics.param_dtype`.
    epsilon: Number that is added to the variance.
  """

  numerics: Numerics
  epsilon: float

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalises [..., c] along c, to the compute dtype."""
    store, shape = self.numerics.param_dtype, (x.shape[-1],)
    scale = self.param("scale", nn.initializers.ones, shape, store)
    bias = self.param("bias", nn.initializers.zeros, shape, store)
    y = normalize(x.astype(store), scale, bias, self.epsilon)
    return y.astype(self.numerics.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def normalize(
  x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> jax.Array:
  """Normalises x [..., c] along c; reverse mode only.

  Args:
    x: Activations [..., c].
    scale: Scale [c].
    bias: Bias [c].
    epsilon: Number that is added to the variance.
  """
  return _forward(x, scale, bias, epsilon)[0]


def _forward(
  x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, Any]:
  mean = jnp.mean(x, axis=-1, keepdims=True)
  # Of deviations: a token's mean may be far larger than they are.
  var = jnp.mean(jnp.square(x - mean), axis=-1, keepdims=True)
  inverse = jax.lax.rsqrt(var + epsilon)
  return (x - mean) * inverse * scale + bias, (x, scale, mean, inverse)


def _backward(epsilon: float, residuals: Any, dy: jax.Array) -> Any:
  del epsilon  # it is in the inverse
  x, scale, mean, inverse = residuals
  rows = tuple(range(x.ndim - 1))
  unit = (x - mean) * inverse
  d_unit = dy * scale
  along = jnp.mean(d_unit * unit, axis=-1, keepdims=True)
  dx = (d_unit - jnp.mean(d_unit, axis=-1, keepdims=True) - unit * along) * (
    inverse
  )
  return dx, jnp.sum(dy * unit, axis=rows), jnp.sum(dy, axis=rows)


normalize.defvjp(_forward, _backward)
