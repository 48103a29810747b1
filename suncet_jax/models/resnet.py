"""ResNets: a stem, stages of residual blocks, a global mean.

He et al. 2015 (arXiv 1512.03385). The paper's CIFAR nets pad a shortcut with
zeros (option A); these project it (option B), like all their successors.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import Architecture, Stem
from suncet_jax.models.activations import relu
from suncet_jax.models.blocks import (
  BasicBlock,
  BottleneckBlock,
  in_training,
  rematerialized,
)
from suncet_jax.models.conv import Conv
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics
from suncet_jax.models.pool import max_pool


class ResNet(nn.Module):
  """A ResNet up to and including its global mean pool.

  Attributes:
    architecture: Block, planes and depths.
    stem: First convolution and pool.
    width: Factor of all channels, including those of the stem and inner ones.
    zero_init_residual: Whether gamma of each block's last norm starts at 0.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
    frozen_norms: Number of first blocks whose norms, and that of the stem, use
      their running statistics in training; -1: all norms.
  """

  architecture: Architecture
  stem: Stem
  width: int
  zero_init_residual: bool
  numerics: Numerics
  remat: bool = False
  frozen_norms: int = 0

  @nn.compact
  def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
    """Maps images [b, h, w, c] to features [b, f] in the stored dtype."""
    _, stem_planes, stage_planes, depths = self.architecture
    block = (
      BottleneckBlock if self.architecture.block == "bottleneck" else BasicBlock
    )
    if self.remat:
      block = rematerialized(block)
    x = _Stem(self.stem, self.width * stem_planes, self.numerics, name="stem")(
      images, train=in_training(train, 0, self.frozen_norms)
    )
    number = 0
    for i, (planes, depth) in enumerate(zip(stage_planes, depths, strict=True)):
      for j in range(depth):
        number += 1
        x = block(
          self.width * planes,
          stride=2 if i > 0 and j == 0 else 1,
          zero_init_residual=self.zero_init_residual,
          numerics=self.numerics,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, in_training(train, number, self.frozen_norms))
    return jnp.mean(x, axis=(1, 2), dtype=self.numerics.param_dtype)


class _Stem(nn.Module):
  """Convolution, norm, ReLU and, for large images, a max pool."""

  spec: Stem
  planes: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    kernel_size, stride, has_pool = self.spec
    x = Conv(
      self.planes, kernel_size, self.numerics, stride=stride, name="conv"
    )(x)
    x = relu(BatchNorm(self.numerics, name="norm")(x, train=train))
    if has_pool:
      x = max_pool(x)
    return x
