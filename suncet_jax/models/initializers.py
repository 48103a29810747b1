"""Initializers of weights: the two rules of the reference implementation."""

import math
from collections.abc import Callable

import jax
from jax.nn.initializers import variance_scaling
from jax.typing import DTypeLike

# Normal of variance 2 / fan_out: He et al. 2015 (arXiv 1502.01852), eq. 14.
kaiming_fan_out = variance_scaling(2.0, "fan_out", "normal")

# PyTorch's default for kernels: U(-b, b), b = 1 / sqrt(fan_in), has variance
# b^2 / 3.
uniform_fan_in = variance_scaling(1 / 3, "fan_in", "uniform")


def uniform_bias(fan_in: int) -> Callable[..., jax.Array]:
  """Returns PyTorch's default for biases: U(-b, b), b = 1 / sqrt(fan_in).

  Args:
    fan_in: Number of inputs of each unit, which the shape of a bias does not
      tell.
  """
  bound = 1 / math.sqrt(fan_in)

  def init(
    key: jax.Array, shape: tuple[int, ...], dtype: DTypeLike
  ) -> jax.Array:
    return jax.random.uniform(key, shape, dtype, -bound, bound)

  return init
