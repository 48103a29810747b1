"""WideResNets of the semi-supervised CIFAR literature, in two forms.

Zagoruyko and Komodakis 2016 (arXiv 1605.07146). The form of the reference
implementation, which is that of PAWS: ReLU, the stride on the SECOND
convolution of a block, biases in all convolutions, and a plain 1x1 convolution
of the block's raw input as shortcut. The last norm of the reference keeps only
1 % of the old running statistics; here it decays by 0.9 like all others.

The form of FixMatch (arXiv 2001.07685): LeakyReLU, the stride on the FIRST
convolution, no biases, running statistics that decay by 0.999, and a first
block whose shortcut is of its activated input. Norms add the epsilon of all
models, 1e-5.
"""

import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import Architecture
from suncet_jax.models import initializers
from suncet_jax.models.activations import ACTIVATIONS
from suncet_jax.models.blocks import in_training, rematerialized
from suncet_jax.models.conv import Conv
from suncet_jax.models.norm import DECAY, BatchNorm
from suncet_jax.models.numerics import Numerics


class _Form(NamedTuple):
  """What the two forms differ in.

  Attributes:
    conv: Convolution layer.
    activation: Activation after each norm, one of `ACTIVATIONS`.
    decay: Decay of the running statistics.
    strides_first: Whether the first convolution of a block has the stride;
      otherwise the second.
    shares_first_input: Whether the shortcut of the very first block is of its
      activated input, like that of no other block.
  """

  conv: Callable[..., Conv]
  activation: str
  decay: float
  strides_first: bool
  shares_first_input: bool


_FORMS: Mapping[str, _Form] = {
  "preactivation": _Form(
    conv=functools.partial(
      Conv, use_bias=True, kernel_init=initializers.uniform_fan_in
    ),
    activation="relu",
    decay=DECAY,
    strides_first=False,
    shares_first_input=False,
  ),
  "preactivation_fixmatch": _Form(
    conv=Conv,
    activation="leaky_relu",
    decay=0.999,
    strides_first=True,
    shares_first_input=True,
  ),
}


class WideResNet(nn.Module):
  """A pre-activation WideResNet up to and including its global mean pool.

  Attributes:
    architecture: Kind of block, planes and depths.
    numerics: Numerics of all layers.
    remat: Whether the gradient computes blocks again.
    frozen_norms: Number of first blocks whose norms use their running
      statistics in training; -1: all norms.
  """

  architecture: Architecture
  numerics: Numerics
  remat: bool = False
  frozen_norms: int = 0

  @nn.compact
  def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
    """Maps images [b, h, w, c] to features [b, f] in the stored dtype."""
    kind, stem_planes, stage_planes, depths = self.architecture
    form = _FORMS[kind]
    x = form.conv(stem_planes, 3, self.numerics, name="stem_conv")(images)
    block = _PreactivationBlock
    if self.remat:
      block = rematerialized(block)
    number = 0
    for i, (planes, depth) in enumerate(zip(stage_planes, depths, strict=True)):
      for j in range(depth):
        number += 1
        x = block(
          planes,
          stride=2 if i > 0 and j == 0 else 1,
          shares_input=form.shares_first_input and i == j == 0,
          form=form,
          numerics=self.numerics,
          name=f"stage{i + 1}_block{j + 1}",
        )(x, in_training(train, number, self.frozen_norms))
    norm = BatchNorm(self.numerics, decay=form.decay, name="final_norm")
    train = in_training(train, number + 1, self.frozen_norms)
    x = ACTIVATIONS[form.activation](norm(x, train=train))
    return jnp.mean(x, axis=(1, 2), dtype=self.numerics.param_dtype)


class _PreactivationBlock(nn.Module):
  """Norm, activation and 3x3 convolution, twice (He et al. 2016, 1603.05027).

  Attributes:
    planes: Number of output channels.
    stride: Stride of the block.
    shares_input: Whether the shortcut is of the activated input.
    form: Form of the network.
    numerics: Numerics of all layers.
  """

  planes: int
  stride: int
  shares_input: bool
  form: _Form
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    form = self.form
    conv = functools.partial(form.conv, numerics=self.numerics)
    norm = functools.partial(BatchNorm, self.numerics, decay=form.decay)
    activate = ACTIVATIONS[form.activation]
    strides = (self.stride, 1) if form.strides_first else (1, self.stride)
    y = activate(norm(name="norm1")(x, train=train))
    shortcut = y if self.shares_input else x
    if x.shape[-1] != self.planes or self.stride != 1:
      shortcut = conv(self.planes, 1, stride=self.stride, name="shortcut_conv")(
        shortcut
      )
    y = conv(self.planes, 3, stride=strides[0], name="conv1")(y)
    y = activate(norm(name="norm2")(y, train=train))
    y = conv(self.planes, 3, stride=strides[1], name="conv2")(y)
    return y + shortcut
