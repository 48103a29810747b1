"""Networks of `suncet_jax.models` in plain PyTorch, to be timed against."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.step.torch_vit import VisionTransformer
from suncet_jax.architectures import (
  RESNETS,
  STEMS,
  TRANSFORMERS,
  Architecture,
  Stem,
)


def build(
  name: str, stem: str, channels: int, size: int, out: int = 128
) -> nn.Module:
  """Builds a backbone and a two-layer projection head.

  Args:
    name: One of `architectures.MODEL_NAMES` but "wrn28_2_fixmatch".
    stem: One of `architectures.STEMS`; only ResNets look at it.
    channels: Channels of the images.
    size: Height and width of the images, which vision transformers need.
    out: Size of the projection.

  Returns:
    A channels-last module from images [b, c, h, w] to projections [b, out], in
    training mode.
  """
  backbone: nn.Module
  if name in TRANSFORMERS:
    width = TRANSFORMERS[name].width
    backbone = VisionTransformer(TRANSFORMERS[name], channels, size)
  else:
    architecture = RESNETS[name]
    if architecture.block == "preactivation":
      backbone = _wide_resnet(architecture, channels)
    else:
      backbone = _resnet(architecture, STEMS[stem], channels)
    expansion = 4 if architecture.block == "bottleneck" else 1
    width = expansion * architecture.planes[-1]
  head = [nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out)]
  network: Any = nn.Sequential(backbone, *head)  # .to lacks this overload
  return network.to(memory_format=torch.channels_last)


def _conv(
  inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False
) -> nn.Conv2d:
  return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=bias)


def _resnet(
  architecture: Architecture,
  stem: Stem,
  channels: int,
) -> nn.Module:
  width = architecture.stem_planes
  layers: list[nn.Module] = [
    _conv(channels, width, stem.kernel_size, stem.stride),
    nn.BatchNorm2d(width),
    nn.ReLU(inplace=True),
  ]
  if stem.max_pool:
    layers.append(nn.MaxPool2d(3, 2, 1))
  is_bottleneck = architecture.block == "bottleneck"
  for stage, (planes, depth) in enumerate(
    zip(architecture.planes, architecture.depths, strict=True)
  ):
    for block in range(depth):
      stride = 2 if stage > 0 and block == 0 else 1
      layers.append(_Residual(width, planes, stride, is_bottleneck))
      width = 4 * planes if is_bottleneck else planes
  return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class _Residual(nn.Module):
  """A basic or a bottleneck block."""

  def __init__(
    self, inputs: int, planes: int, stride: int, is_bottleneck: bool
  ) -> None:
    super().__init__()
    if is_bottleneck:
      sizes = [
        (inputs, planes, 1),
        (planes, planes, 3),
        (planes, 4 * planes, 1),
      ]
      strides = [1, stride, 1]
    else:
      sizes = [(inputs, planes, 3), (planes, planes, 3)]
      strides = [stride, 1]
    layers: list[nn.Module] = []
    for (ins, outs, kernel), step in zip(sizes, strides, strict=True):
      layers += [
        _conv(ins, outs, kernel, step),
        nn.BatchNorm2d(outs),
        nn.ReLU(inplace=True),
      ]
    self.main = nn.Sequential(*layers[:-1])
    outputs = sizes[-1][1]
    self.shortcut = (
      nn.Identity()
      if inputs == outputs and stride == 1
      else nn.Sequential(
        _conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs)
      )
    )

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return F.relu(self.main(x) + self.shortcut(x), inplace=True)


def _wide_resnet(architecture: Architecture, channels: int) -> nn.Module:
  width = architecture.stem_planes
  layers: list[nn.Module] = [_conv(channels, width, 3, bias=True)]
  for stage, (planes, depth) in enumerate(
    zip(architecture.planes, architecture.depths, strict=True)
  ):
    for block in range(depth):
      stride = 2 if stage > 0 and block == 0 else 1
      layers.append(_Preactivation(width, planes, stride))
      width = planes
  layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
  return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


class _Preactivation(nn.Module):
  """Norm, ReLU and convolution, twice; the stride on the second."""

  def __init__(self, inputs: int, planes: int, stride: int) -> None:
    super().__init__()
    self.main = nn.Sequential(
      nn.BatchNorm2d(inputs),
      nn.ReLU(inplace=True),
      _conv(inputs, planes, 3, bias=True),
      nn.BatchNorm2d(planes),
      nn.ReLU(inplace=True),
      _conv(planes, planes, 3, stride, bias=True),
    )
    self.shortcut = (
      nn.Identity()
      if inputs == planes and stride == 1
      else _conv(inputs, planes, 1, stride, bias=True)
    )

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    return self.main(x) + self.shortcut(x)
