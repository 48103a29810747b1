"""Batch normalisation with the running variance of the reference."""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from suncet_jax.errors import UserError
from suncet_jax.models.numerics import Numerics

EPSILON = 1e-5
DECAY = 0.9


def batch_moments(
  x: jax.Array, dtype: DTypeLike
) -> tuple[jax.Array, jax.Array]:
  """Returns each channel's mean and biased variance over all rows.

  The variance has a relative error of about 1e-7 * mean^2 / variance in
  float32.

  Args:
    x: Activations [..., c]; all axes but the last are rows.
    dtype: Dtype of the sums and of the results.

  Returns:
    Mean [c] and variance [c].
  """
  # E[x^2] - E[x]^2 reads the activations once, where deviations from the mean
  # would need a second pass, and its two sums share one all-reduce. Behind
  # zero-mean kernels the error is small: on a ResNet-50 two passes come no
  # nearer to the float64 result.
  rows = tuple(range(x.ndim - 1))
  x = x.astype(dtype)
  mean = jnp.mean(x, axis=rows)
  mean_square = jnp.mean(jnp.square(x), axis=rows)
  return mean, jnp.maximum(mean_square - jnp.square(mean), 0)


@jax.custom_vjp
def normalize(
  x: jax.Array, scale: jax.Array, bias: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Normalises by the batch: scale * (x - mean) / sqrt(var + 1e-5) + bias.

  Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 1. Reverse mode only.

  Args:
    x: Activations [..., c] of any floating dtype.
    scale: Scale [c]; its dtype is that of all sums and of the statistics.
    bias: Bias [c].

  Returns:
    Normalised activations [..., c] in the dtype of x, mean [c] and biased
    variance [c]. The gradient treats the statistics as constants.
  """
  return _normalize_forward(x, scale, bias)[0]


def _normalize_forward(
  x: jax.Array, scale: jax.Array, bias: jax.Array
) -> tuple[Any, Any]:
  mean, var = batch_moments(x, scale.dtype)
  inverse = jax.lax.rsqrt(var + EPSILON)
  y = (x.astype(scale.dtype) - mean) * (inverse * scale) + bias
  return (y.astype(x.dtype), mean, var), (x, scale, mean, inverse)


# The gradient of section 3 of the paper, written out: the one that JAX derives
# reads and writes the activations three times more, which is most of the time
# of a norm.
def _normalize_backward(residuals: Any, cotangents: Any) -> Any:
  x, scale, mean, inverse = residuals
  dtype = scale.dtype
  dy = cotangents[0].astype(dtype)
  x_wide = x.astype(dtype)
  rows = tuple(range(x.ndim - 1))
  count = math.prod(x.shape[:-1])
  d_bias = jnp.sum(dy, axis=rows)
  # sum(dy * (x - mean)) without storing x - mean; it is as exact as the
  # variance.
  d_scale = (jnp.sum(dy * x_wide, axis=rows) - mean * d_bias) * inverse
  # dx = scale * inverse * (dy - mean(dy) - x_hat * mean(dy * x_hat)), with its
  # terms grouped into a factor of dy, a factor of x and a constant.
  of_dy = scale * inverse
  of_x = of_dy * inverse * d_scale / count
  constant = of_dy * d_bias / count - mean * of_x
  dx = of_dy * dy - of_x * x_wide - constant
  return dx.astype(x.dtype), d_scale, d_bias


normalize.defvjp(_normalize_forward, _normalize_backward)


class BatchNorm(nn.Module):
  """Batch norm: gamma * (x - mean) / sqrt(variance + 1e-5) + beta.

  Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2. As there and in
  the reference, the running variance follows the UNBIASED batch variance,
  n / (n - 1) times the biased one that normalises. (Flax's own layer follows
  the biased one, which changes evaluation where there are few rows.)

  Under `jit` with the batch split over devices the statistics are those of the
  global batch, without an axis name.

  Attributes:
    numerics: Dtypes; statistics are computed in `numerics.param_dtype`.
    use_bias: Whether there is a beta.
    scale_init: Initializer of gamma.
    decay: Share of the running statistics that a step keeps.
  """

  numerics: Numerics
  use_bias: bool = True
  scale_init: Initializer = nn.initializers.ones
  decay: float = DECAY

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Normalises [..., c] by the batch (`train`) or by running statistics.

    Raises:
      ValueError: There is only one row in training, which has no variance.
    """
    compute, store = self.numerics.dtype, self.numerics.param_dtype
    shape = (x.shape[-1],)
    running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, store)
    running_var = self.variable("batch_stats", "var", jnp.ones, shape, store)
    scale = self.param("scale", self.scale_init, shape, store)
    bias = jnp.zeros(shape, store)
    if self.use_bias:
      bias = self.param("bias", nn.initializers.zeros, shape, store)
    if not train:
      factor = jax.lax.rsqrt(running_var.value + EPSILON) * scale
      x = (x.astype(store) - running_mean.value) * factor + bias
      return x.astype(compute)
    unbiasing = _unbiasing_factor(x.shape)
    y, mean, var = normalize(x, scale, bias)
    running_mean.value = self._decayed(running_mean.value, mean)
    running_var.value = self._decayed(running_var.value, unbiasing * var)
    return y.astype(compute)

  def _decayed(self, running: jax.Array, current: jax.Array) -> jax.Array:
    return self.decay * running + (1 - self.decay) * current


def _unbiasing_factor(shape: tuple[int, ...]) -> float:
  """Returns n / (n - 1) for n rows."""
  n = math.prod(shape[:-1])
  if n < 2:
    raise UserError(
      "Batch norm needs at least 2 rows per channel in training; got"
      f" activations of shape {shape}. Use larger batches or images."
    )
  return n / (n - 1)
