"""Networks of `suncet_jax.models` in plain Flax, to be timed against.

They use only layers of `flax.linen`, as written without this package. The names
of the parts are those of `suncet_jax.models`, so that its parameters fit.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from benchmarks.step.flax_vit import VisionTransformer
from suncet_jax import architectures

Architecture = architectures.Architecture | architectures.Transformer
ARCHITECTURES: Mapping[str, Architecture] = {
  **architectures.RESNETS,
  **architectures.TRANSFORMERS,
}


class Encoder(nn.Module):
  """A backbone and a projection head of two layers.

  Attributes:
    architecture: Architecture of the backbone.
    stem: First layers of a ResNet.
    out: Size of the projection.
    dtype: Dtype of the computation; parameters are float32.
  """

  architecture: Architecture
  stem: architectures.Stem
  out: int = 128
  dtype: DTypeLike = jnp.float32

  @nn.compact
  def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
    """Maps images [b, h, w, c] to projections [b, out], float32."""
    features = self._features(images, train)
    head = Head(features.shape[-1], self.out, self.dtype, name="head")
    return head(features).astype(jnp.float32)

  def _features(self, images: jax.Array, train: bool) -> jax.Array:
    architecture = self.architecture
    if isinstance(architecture, architectures.Transformer):
      return VisionTransformer(architecture, self.dtype, name="backbone")(
        images
      )
    backbone = (
      WideResNet(architecture, self.dtype, name="backbone")
      if architecture.block == "preactivation"
      else ResNet(architecture, self.stem, self.dtype, name="backbone")
    )
    return backbone(images, train=train)


class Head(nn.Module):
  """Dense, ReLU, Dense."""

  hidden: int
  out: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [b, f] to [b, out]."""
    x = nn.relu(nn.Dense(self.hidden, dtype=self.dtype, name="dense1")(x))
    return nn.Dense(self.out, dtype=self.dtype, name="dense2")(x)


class ResNet(nn.Module):
  """Stem, stages of residual blocks, mean."""

  architecture: architectures.Architecture
  stem: architectures.Stem
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, f]."""
    kind = self.architecture.block
    block = Bottleneck if kind == "bottleneck" else BasicBlock
    x = Stem(self.stem, self.architecture.stem_planes, self.dtype, name="stem")(
      x, train
    )
    for name, planes, stride in _blocks(self.architecture):
      x = block(planes, stride, self.dtype, name=name)(x, train)
    return x.mean((1, 2))


class Stem(nn.Module):
  """Convolution, norm, ReLU and perhaps a max pool."""

  spec: architectures.Stem
  planes: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, h', w', planes]."""
    conv, norm = _conv(self.dtype), _norm(self.dtype, train)
    x = conv(self.planes, self.spec.kernel_size, self.spec.stride, name="conv")(
      x
    )
    x = nn.relu(norm(name="norm")(x))
    if self.spec.max_pool:
      x = nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))
    return x


class BasicBlock(nn.Module):
  """Two 3x3 convolutions, the stride on the first."""

  planes: int
  stride: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, h', w', planes]."""
    conv, norm = _conv(self.dtype), _norm(self.dtype, train)
    shortcut = _shortcut(x, self.planes, self.stride, conv, norm)
    x = conv(self.planes, 3, self.stride, name="conv1")(x)
    x = nn.relu(norm(name="norm1")(x))
    x = norm(name="norm2")(conv(self.planes, 3, name="conv2")(x))
    return nn.relu(x + shortcut)


class Bottleneck(nn.Module):
  """1x1, 3x3 and 1x1 convolutions, the stride on the second."""

  planes: int
  stride: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, h', w', 4 * planes]."""
    conv, norm = _conv(self.dtype), _norm(self.dtype, train)
    features = 4 * self.planes
    shortcut = _shortcut(x, features, self.stride, conv, norm)
    x = nn.relu(norm(name="norm1")(conv(self.planes, 1, name="conv1")(x)))
    x = conv(self.planes, 3, self.stride, name="conv2")(x)
    x = nn.relu(norm(name="norm2")(x))
    x = norm(name="norm3")(conv(features, 1, name="conv3")(x))
    return nn.relu(x + shortcut)


class WideResNet(nn.Module):
  """Convolution, stages of pre-activation blocks, norm, ReLU, mean."""

  architecture: architectures.Architecture
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, f]."""
    conv = _conv(self.dtype, use_bias=True)
    x = conv(self.architecture.stem_planes, 3, name="stem_conv")(x)
    for name, planes, stride in _blocks(self.architecture):
      x = PreactivationBlock(planes, stride, self.dtype, name=name)(x, train)
    x = nn.relu(_norm(self.dtype, train)(name="final_norm")(x))
    return x.mean((1, 2))


class PreactivationBlock(nn.Module):
  """Norm, ReLU and 3x3 convolution, twice; the stride on the second."""

  planes: int
  stride: int
  dtype: DTypeLike

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps [b, h, w, c] to [b, h', w', planes]."""
    conv = _conv(self.dtype, use_bias=True)
    norm = _norm(self.dtype, train)
    shortcut = x
    if x.shape[-1] != self.planes or self.stride != 1:
      shortcut = conv(self.planes, 1, self.stride, name="shortcut_conv")(x)
    x = nn.relu(norm(name="norm1")(x))
    x = conv(self.planes, 3, name="conv1")(x)
    x = nn.relu(norm(name="norm2")(x))
    x = conv(self.planes, 3, self.stride, name="conv2")(x)
    return x + shortcut


def _blocks(
  architecture: architectures.Architecture,
) -> list[tuple[str, int, int]]:
  """Returns (name, planes, stride) of all blocks, in order."""
  stages = zip(architecture.planes, architecture.depths, strict=True)
  return [
    (f"stage{i + 1}_block{j + 1}", planes, 2 if i > 0 and j == 0 else 1)
    for i, (planes, depth) in enumerate(stages)
    for j in range(depth)
  ]


def _shortcut(
  x: jax.Array,
  features: int,
  stride: int,
  conv: Callable[..., nn.Conv],
  norm: Callable[..., nn.BatchNorm],
) -> jax.Array:
  """Returns x, projected where the shape changes."""
  if x.shape[-1] == features and stride == 1:
    return x
  x = conv(features, 1, stride, name="shortcut_conv")(x)
  return norm(name="shortcut_norm")(x)


def _conv(dtype: DTypeLike, use_bias: bool = False) -> Callable[..., Any]:
  """Returns (features, kernel_size, stride=1, name=...) -> nn.Conv."""

  def conv(
    features: int, kernel_size: int, stride: int = 1, *, name: str
  ) -> nn.Conv:
    pad = kernel_size // 2
    return nn.Conv(
      features,
      (kernel_size, kernel_size),
      strides=(stride, stride),
      padding=((pad, pad), (pad, pad)),
      use_bias=use_bias,
      dtype=dtype,
      name=name,
    )

  return conv


def _norm(dtype: DTypeLike, train: bool) -> Callable[..., nn.BatchNorm]:
  return functools.partial(
    nn.BatchNorm,
    use_running_average=not train,
    momentum=0.9,
    epsilon=1e-5,
    dtype=dtype,
  )
