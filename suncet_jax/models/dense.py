"""Dense layer of all models."""

from typing import Any

import flax.linen as nn
import jax

from suncet_jax.models import initializers
from suncet_jax.models.numerics import Numerics


class Dense(nn.Module):
  """A dense layer with a parameter "kernel" and optionally "bias".

  Attributes:
    features: Number of output units.
    numerics: Dtypes of parameters and products.
    use_bias: Whether to add a bias.
    start: Initializers of kernel and bias.
  """

  features: int
  numerics: Numerics
  use_bias: bool = True
  start: initializers.DenseStart = initializers.DENSE["uniform"]

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [..., f] to [..., features] in the compute dtype."""
    compute, store = self.numerics.dtype, self.numerics.param_dtype
    *leading, fan_in = x.shape
    if len(leading) > 1:  # the rows of tokens, as one product
      x = x.reshape(-1, fan_in)
    shape = (fan_in, self.features)
    kernel = self.param("kernel", self.start.kernel, shape, store)
    multiply = _multiply if compute == store else _multiply_rounding
    x = multiply(*self.numerics.operands(x, kernel))
    if self.use_bias:
      bias_init = self.start.bias(fan_in)
      bias = self.param("bias", bias_init, (self.features,), store)
      # Added in the stored dtype, so that its gradient is summed in that too.
      x = (x.astype(store) + bias).astype(compute)
    return x.reshape(*leading, self.features) if len(leading) > 1 else x


def _multiply(x: jax.Array, kernel: jax.Array) -> jax.Array:
  return jax.lax.dot(x, kernel)


@jax.custom_vjp
def _multiply_rounding(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """Multiplies by a kernel rounded to the dtype of x; reverse mode only."""
  return _multiply(x, kernel.astype(x.dtype))


def _multiply_forward(x: jax.Array, kernel: jax.Array) -> tuple[jax.Array, Any]:
  return _multiply_rounding(x, kernel), (x, kernel)


def _multiply_backward(
  operands: Any, outputs: jax.Array
) -> tuple[jax.Array, jax.Array]:
  x, kernel = operands
  return (
    _multiply(outputs, kernel.astype(outputs.dtype).T),
    # Not rounded: several devices compute this gradient in parts, which are
    # then summed in the dtype of the kernel.
    jax.lax.dot(
      x.T,
      outputs,
      preferred_element_type=kernel.dtype,
      out_sharding=jax.typeof(kernel).sharding,
    ),
  )


_multiply_rounding.defvjp(_multiply_forward, _multiply_backward)
