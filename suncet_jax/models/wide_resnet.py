"""WideResNet of the semi-supervised CIFAR literature.

Zagoruyko and Komodakis 2016 (arXiv 1605.07146) in the form of the reference
implementation: the stride on the SECOND convolution of a block, biases in all
convolutions, and a plain 1x1 convolution of the block's raw input as shortcut.
The last norm of the reference keeps only 1 % of the old running statistics;
here it decays by 0.9 like all others.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import Architecture
from suncet_jax.models import initializers
from suncet_jax.models.blocks import rematerialized
from suncet_jax.models.conv import Conv
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics

_BiasedConv = functools.partial(
  Conv, use_bias=True, kernel_init=initializers.uniform_fan_in
)


class WideResNet(nn.Module):
  """A pre-activation WideResNet up to and including its global mean pool.

  Attributes:
    architecture: Planes and depths.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
  """

  architecture: Architecture
  numerics: Numerics
  remat: bool = False

  @nn.compact
  def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
    """Maps images [b, h, w, c] to features [b, f] in the stored dtype."""
    _, stem_planes, stage_planes, depths = self.architecture
    x = _BiasedConv(stem_planes, 3, self.numerics, name="stem_conv")(images)
    block = _PreactivationBlock
    if self.remat:
      block = rematerialized(block)
    for i, (planes, depth) in enumerate(zip(stage_planes, depths, strict=True)):
      for j in range(depth):
        x = block(
          planes,
          stride=2 if i > 0 and j == 0 else 1,
          numerics=self.numerics,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, train)
    x = nn.relu(BatchNorm(self.numerics, name="final_norm")(x, train=train))
    return jnp.mean(x, axis=(1, 2), dtype=self.numerics.param_dtype)


class _PreactivationBlock(nn.Module):
  """Norm, ReLU and 3x3 convolution, twice (He et al. 2016, 1603.05027)."""

  planes: int
  stride: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    conv = functools.partial(_BiasedConv, numerics=self.numerics)
    norm = functools.partial(BatchNorm, numerics=self.numerics)
    shortcut = x
    if x.shape[-1] != self.planes or self.stride != 1:
      shortcut = conv(self.planes, 1, stride=self.stride, name="shortcut_conv")(
        x
      )
    x = nn.relu(norm(name="norm1")(x, train=train))
    x = conv(self.planes, 3, name="conv1")(x)
    x = nn.relu(norm(name="norm2")(x, train=train))
    x = conv(self.planes, 3, stride=self.stride, name="conv2")(x)
    return x + shortcut
