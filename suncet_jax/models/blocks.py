"""The two residual blocks of ResNets, and rematerialisation.

He et al. 2015 (arXiv 1512.03385), figure 5; the stride of a bottleneck is on
its 3x3 convolution, as in the reference implementation, not its first 1x1.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

import flax.linen as nn
import jax
from jax.nn.initializers import Initializer

from suncet_jax.models.activations import relu
from suncet_jax.models.conv import Conv
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics

Block = TypeVar("Block", bound=type[nn.Module])


class BasicBlock(nn.Module):
  """Two 3x3 convolutions, the stride on the first.

  Attributes:
    planes: Number of output channels.
    stride: Stride of the first convolution.
    zero_init_residual: Whether gamma of the last norm starts at 0, so that the
      block starts as its shortcut (Goyal et al. 2017, arXiv 1706.02677, 5.1).
    numerics: Numerics of all layers.
    activation: Activation behind the first norm, and of the sum.
  """

  planes: int
  stride: int
  zero_init_residual: bool
  numerics: Numerics
  activation: Callable[[jax.Array], jax.Array] = relu

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, ceil(h/stride), ceil(w/stride), planes]."""
    conv = functools.partial(Conv, numerics=self.numerics)
    norm = functools.partial(BatchNorm, numerics=self.numerics)
    shortcut = _shortcut(x, self.planes, self.stride, self.numerics, train)
    x = conv(self.planes, 3, stride=self.stride, name="conv1")(x)
    x = self.activation(norm(name="norm1")(x, train=train))
    x = conv(self.planes, 3, name="conv2")(x)
    last_scale = _last_scale_init(self.zero_init_residual)
    x = norm(scale_init=last_scale, name="norm2")(x, train=train)
    return self.activation(x + shortcut)


class BottleneckBlock(nn.Module):
  """Convolutions of 1x1, 3x3 and 1x1; the last has four times the channels.

  Attributes:
    planes: Number of channels of the first two convolutions.
    stride: Stride of the 3x3 convolution.
    zero_init_residual: See `BasicBlock`.
    numerics: Numerics of all layers.
  """

  planes: int
  stride: int
  zero_init_residual: bool
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, ceil(h/stride), ceil(w/stride), 4 * planes]."""
    conv = functools.partial(Conv, numerics=self.numerics)
    norm = functools.partial(BatchNorm, numerics=self.numerics)
    features = 4 * self.planes
    shortcut = _shortcut(x, features, self.stride, self.numerics, train)
    x = conv(self.planes, 1, name="conv1")(x)
    x = relu(norm(name="norm1")(x, train=train))
    x = conv(self.planes, 3, stride=self.stride, name="conv2")(x)
    x = relu(norm(name="norm2")(x, train=train))
    x = conv(features, 1, name="conv3")(x)
    last_scale = _last_scale_init(self.zero_init_residual)
    x = norm(scale_init=last_scale, name="norm3")(x, train=train)
    return relu(x + shortcut)


def in_training(train: bool, number: int, frozen: int) -> bool:
  """Returns whether the norms of a block are in training mode.

  Args:
    train: Whether the network is in training.
    number: Number of the block, from 1 on; what comes before the first has 0.
    frozen: Number of first blocks whose norms are in evaluation mode, with all
      before them; 0: none, -1: those of the whole network.
  """
  return train and frozen >= 0 and not 0 < frozen >= number


def rematerialized(block: Block) -> Block:
  """Returns the block with rematerialisation.

  Its gradient computes the activations inside the block again instead of
  keeping them. Parameters and results stay as they are.
  """
  return nn.remat(block, static_argnums=(2,))  # self, x, train


def _last_scale_init(zero_init_residual: bool) -> Initializer:
  if zero_init_residual:
    return nn.initializers.zeros
  return nn.initializers.ones


def _shortcut(
  x: jax.Array, features: int, stride: int, numerics: Numerics, train: bool
) -> jax.Array:
  """Returns x, through a 1x1 convolution and a norm where the shape changes."""
  if x.shape[-1] == features and stride == 1:
    return x
  x = Conv(features, 1, numerics, stride=stride, name="shortcut_conv")(x)
  return BatchNorm(numerics, name="shortcut_norm")(x, train=train)
