"""Initializers of weights: the reference implementation's, and Glorot's."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
from jax.nn.initializers import (
  Initializer,
  normal,
  variance_scaling,
  zeros,
)
from jax.typing import DTypeLike

# Normal of variance 2 / fan_out: He et al. 2015 (arXiv 1502.01852), eq. 14.
kaiming_fan_out = variance_scaling(2.0, "fan_out", "normal")

# PyTorch's default for kernels: U(-b, b), b = 1 / sqrt(fan_in), has variance
# b^2 / 3.
uniform_fan_in = variance_scaling(1 / 3, "fan_in", "uniform")

# Glorot and Bengio 2010, with normal numbers: variance 2 / (fan_in + fan_out).
glorot = variance_scaling(1.0, "fan_avg", "normal")


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


def zero_bias(fan_in: int) -> Initializer:
  """Returns the initializer of biases of 0.

  Args:
    fan_in: Number of inputs of each unit, which changes nothing.
  """
  del fan_in
  return zeros


# Of vision transformers: timm and DINOv2 truncate at 2, a hundred deviations.
normal_02 = normal(0.02)


class DenseStart(NamedTuple):
  """Initializers of a dense layer.

  Attributes:
    kernel: Initializer of the kernel.
    bias: Function from the number of inputs to the initializer of the bias.
  """

  kernel: Initializer
  bias: Callable[[int], Initializer]


# By the name that `MLP.init` has for it.
DENSE: Mapping[str, DenseStart] = {
  "uniform": DenseStart(uniform_fan_in, uniform_bias),
  "glorot": DenseStart(glorot, zero_bias),
}

# Of the dense layers of vision transformers.
TRANSFORMER = DenseStart(normal_02, zero_bias)
