"""Batch normalisation with the running variance of the reference."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer
from jax.typing import DTypeLike

from suncet_jax.models.precision import Precision

EPSILON = 1e-5
DECAY = 0.9


def batch_moments(
  x: jax.Array, dtype: DTypeLike
) -> tuple[jax.Array, jax.Array]:
  """Returns each channel's mean and biased variance over all rows.

  The variance is E[x^2] - E[x]^2, clipped at 0. It reads the activations once
  where deviations from the mean would need a second pass, and its two sums
  share one all-reduce. The price is a relative error of about
  1e-7 * mean^2 / variance in float32. Behind zero-mean kernels that is small:
  on a ResNet-50 two passes come no nearer to the float64 result.

  Args:
    x: [..., c] activations; every axis but the last is rows.
    dtype: of the sums and of the results.

  Returns:
    ([c], [c]) mean and variance.
  """
  rows = tuple(range(x.ndim - 1))
  x = x.astype(dtype)
  mean = jnp.mean(x, axis=rows)
  mean_square = jnp.mean(jnp.square(x), axis=rows)
  return mean, jnp.maximum(mean_square - jnp.square(mean), 0)


class BatchNorm(nn.Module):
  """Batch norm: gamma * (x - mean) / sqrt(variance + 1e-5) + beta.

  Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2. As there and in
  the reference, the running variance follows the UNBIASED batch variance
  (n / (n - 1) times the biased one that normalises); Flax's own layer follows
  the biased one, and with few rows evaluation would differ.

  Under `jit` with the batch split over devices the statistics are those of the
  global batch: there is no axis name to give.

  Attributes:
    precision: dtypes; statistics are computed in `precision.store`.
    use_bias: whether there is a beta.
    scale_init: start of gamma.
  """

  precision: Precision
  use_bias: bool = True
  scale_init: Initializer = nn.initializers.ones

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Normalises [..., c] by the batch (train) or the running statistics.

    Raises:
      ValueError: one row in training, which has no variance.
    """
    compute, store = self.precision
    shape = (x.shape[-1],)
    running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, store)
    running_var = self.variable("batch_stats", "var", jnp.ones, shape, store)
    mean, var = running_mean.value, running_var.value
    if train:
      mean, var = batch_moments(x, store)
      unbiased = var * _unbiasing_factor(x.shape)
      running_mean.value = _decayed(running_mean.value, mean)
      running_var.value = _decayed(running_var.value, unbiased)
    scale = self.param("scale", self.scale_init, shape, store)
    x = (x.astype(store) - mean) * (jax.lax.rsqrt(var + EPSILON) * scale)
    if self.use_bias:
      x = x + self.param("bias", nn.initializers.zeros, shape, store)
    return x.astype(compute)


def _decayed(running: jax.Array, current: jax.Array) -> jax.Array:
  return DECAY * running + (1 - DECAY) * current


def _unbiasing_factor(shape: tuple[int, ...]) -> float:
  """Returns n / (n - 1), n the number of rows."""
  n = math.prod(shape[:-1])
  if n < 2:
    raise ValueError(
      "Batch norm needs at least 2 rows per channel in training; got"
      f" activations of shape {shape}. Use larger batches or images."
    )
  return n / (n - 1)
