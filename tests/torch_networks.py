"""Networks in PyTorch, with the names of their published checkpoints.

Written after the papers that `suncet_jax/models` cites; the names of modules
are those that torchvision, facebookresearch/suncet and Hugging Face's
transformers give them.
"""

import collections

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def _conv(inner, outer, size, stride=1, bias=False):
  return nn.Conv2d(inner, outer, size, stride, size // 2, bias=bias)


class Basic(nn.Module):
  expansion = 1

  def __init__(self, inner, planes, stride):
    super().__init__()
    self.conv1, self.bn1 = _conv(inner, planes, 3, stride), _norm(planes)
    self.conv2, self.bn2 = _conv(planes, planes, 3), _norm(planes)
    self.downsample = _shortcut(inner, planes, stride)

  def forward(self, x):
    y = functional.relu(self.bn1(self.conv1(x)))
    return functional.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class Bottleneck(nn.Module):
  expansion = 4

  def __init__(self, inner, planes, stride):
    super().__init__()
    self.conv1, self.bn1 = _conv(inner, planes, 1), _norm(planes)
    self.conv2, self.bn2 = _conv(planes, planes, 3, stride), _norm(planes)
    self.conv3, self.bn3 = _conv(planes, 4 * planes, 1), _norm(4 * planes)
    self.downsample = _shortcut(inner, 4 * planes, stride)

  def forward(self, x):
    y = functional.relu(self.bn1(self.conv1(x)))
    y = functional.relu(self.bn2(self.conv2(y)))
    return functional.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet(nn.Module):
  """The names of torchvision, which facebookresearch/suncet shares."""

  def __init__(self, block, depths, *, planes=64, channels=3, stem=7):
    super().__init__()
    self.conv1 = _conv(channels, planes, stem, 2 if stem == 7 else 1)
    self.bn1 = _norm(planes)
    self.has_pool = stem == 7
    inner = planes
    self.stages = []
    for i, depth in enumerate(depths):
      blocks = []
      for j in range(depth):
        stride = 2 if i > 0 and j == 0 else 1
        blocks.append(block(inner, planes << i, stride))
        inner = block.expansion * (planes << i)
      self.stages.append(f"layer{i + 1}")
      setattr(self, self.stages[-1], nn.Sequential(*blocks))
    self.feature_size = inner

  def features(self, x):
    x = functional.relu(self.bn1(self.conv1(x)))
    if self.has_pool:
      x = functional.max_pool2d(x, 3, 2, 1)
    for stage in self.stages:
      x = getattr(self, stage)(x)
    return x.mean((2, 3))


class WideBlock(nn.Module):
  def __init__(self, inner, planes, stride):
    super().__init__()
    self.bn1, self.conv1 = _norm(inner), _conv(inner, planes, 3, bias=True)
    self.bn2 = _norm(planes)
    self.conv2 = _conv(planes, planes, 3, stride, bias=True)
    self.shortcut = nn.Sequential()
    if inner != planes or stride != 1:
      self.shortcut.append(_conv(inner, planes, 1, stride, bias=True))

  def forward(self, x):
    y = self.conv1(functional.relu(self.bn1(x)))
    return self.conv2(functional.relu(self.bn2(y))) + self.shortcut(x)


class WideResNet(nn.Module):
  """WRN-28-2 as facebookresearch/suncet names it."""

  def __init__(self):
    super().__init__()
    self.conv1 = _conv(3, 16, 3, bias=True)
    inner = 16
    for i, planes in enumerate((32, 64, 128)):
      blocks = []
      for j in range(4):
        blocks.append(WideBlock(inner, planes, 2 if i > 0 and j == 0 else 1))
        inner = planes
      setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
    self.bn1 = _norm(128)
    self.feature_size = 128

  def features(self, x):
    x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
    return functional.relu(self.bn1(x)).mean((2, 3))


class HuggingFace(nn.Module):
  """ResNetModel's names for a network of the class above."""

  def __init__(self, network):
    super().__init__()
    unit = nn.Module()
    unit.convolution, unit.normalization = network.conv1, network.bn1
    self.embedder = nn.Module()
    self.embedder.embedder = unit
    self.encoder = nn.Module()
    self.encoder.stages = nn.ModuleList()
    for stage in network.stages:
      module = nn.Module()
      blocks = getattr(network, stage)
      module.layers = nn.ModuleList(map(_hugging_face_block, blocks))
      self.encoder.stages.append(module)


def _hugging_face_block(block):
  made = nn.Module()
  made.layer = nn.ModuleList()
  for i in range(1, 4):
    if hasattr(block, f"conv{i}"):
      unit = nn.Module()
      unit.convolution = getattr(block, f"conv{i}")
      unit.normalization = getattr(block, f"bn{i}")
      made.layer.append(unit)
  if len(block.downsample):
    made.shortcut = nn.Module()
    made.shortcut.convolution, made.shortcut.normalization = block.downsample
  return made


def numbered_head(size, out):
  """The head of the first release of facebookresearch/suncet."""
  return nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, out))


def named_head(size, out):
  """The head of its later release and of PAWS."""
  layers = collections.OrderedDict()
  for i in (1, 2):
    layers[f"fc{i}"] = nn.Linear(size, size)
    layers[f"bn{i}"] = nn.BatchNorm1d(size)
    layers[f"relu{i}"] = nn.ReLU()
  layers["fc3"] = nn.Linear(size, out)
  return nn.Sequential(layers)


def prediction_head(out):
  """The prediction head of PAWS."""
  return nn.Sequential(
    collections.OrderedDict(
      bn1=nn.BatchNorm1d(out),
      fc1=nn.Linear(out, out // 4),
      bn2=nn.BatchNorm1d(out // 4),
      relu=nn.ReLU(),
      fc2=nn.Linear(out // 4, out),
    )
  )


def filled(network, seed=0):
  """Fills a network with numbers of its own, counters included."""
  rng = np.random.default_rng(seed)
  for name, tensor in network.state_dict().items():
    if name.endswith("num_batches_tracked"):
      tensor.fill_(int(rng.integers(1, 9999)))
      continue
    x = rng.standard_normal(tuple(tensor.shape), np.float32)
    if tensor.ndim > 1:
      x *= np.sqrt(1 / np.prod(tensor.shape[1:]))
    elif name.endswith("running_var"):
      x = 1 + np.abs(x) / 10
    elif name.endswith("weight"):
      x = 1 + x / 10
    else:
      x = x / 10
    tensor.copy_(torch.from_numpy(x))
  return network.eval()


def tensors(network):
  """Returns the state dict as arrays."""
  return {name: x.numpy() for name, x in network.state_dict().items()}


def _norm(planes):
  return nn.BatchNorm2d(planes)


def _shortcut(inner, outer, stride):
  if inner == outer and stride == 1:
    return nn.Sequential()
  return nn.Sequential(_conv(inner, outer, 1, stride), _norm(outer))
