"""FixMatch's WRN-28-2 against the same network written in PyTorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from model_testing import (
  cheap_variables,
  inner_shapes,
  model_config,
  quick_apply,
  quick_jit,
  random_images,
)
from torch import nn
from torch.nn import functional

from suncet_jax import models
from suncet_jax.architectures import MLP

_HEADS = {"logits": MLP(layers=1, out=10, init="glorot")}
_IMAGES = random_images(4, 16, 16, 3)


class _Block(nn.Module):
  def __init__(self, inner, planes, stride, is_first):
    super().__init__()
    self.norm1, self.norm2 = _norm(inner), _norm(planes)
    self.conv1 = _conv(inner, planes, 3, stride)
    self.conv2 = _conv(planes, planes, 3)
    self.shortcut_conv = None
    if inner != planes:
      self.shortcut_conv = _conv(inner, planes, 1, stride)
    self.is_first = is_first

  def forward(self, x):
    y = functional.leaky_relu(self.norm1(x), 0.1)
    if self.is_first:
      x = y
    if self.shortcut_conv is not None:
      x = self.shortcut_conv(x)
    y = functional.leaky_relu(self.norm2(self.conv1(y)), 0.1)
    return x + self.conv2(y)


class _Network(nn.Module):
  """Names are ours, so that parameters are found by them."""

  def __init__(self):
    super().__init__()
    self.stem_conv = _conv(3, 16, 3)
    inner, blocks = 16, {}
    for stage, planes in enumerate((32, 64, 128), start=1):
      for i in range(1, 5):
        stride = 2 if stage > 1 and i == 1 else 1
        name = f"stage{stage}_block{i}"
        blocks[name] = _Block(inner, planes, stride, stage == i == 1)
        self.add_module(name, blocks[name])
        inner = planes
    self.blocks = blocks
    self.final_norm = _norm(128)
    self.dense1 = nn.Linear(128, 10)

  def forward(self, x):
    x = self.stem_conv(x)
    for block in self.blocks.values():
      x = block(x)
    x = functional.leaky_relu(self.final_norm(x), 0.1)
    return self.dense1(x.mean((2, 3)))


def _conv(inner, outer, size, stride=1):
  return nn.Conv2d(inner, outer, size, stride, size // 2, bias=False)


def _norm(planes):
  return nn.BatchNorm2d(planes, momentum=0.001)


def _tensors(tree):
  """Returns leaves with PyTorch's names and order of axes."""
  ends = {"kernel": "weight", "scale": "weight"}
  ends |= {"mean": "running_mean", "var": "running_var"}
  named = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    *inner, end = (entry.key for entry in path[1:])
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[leaf.ndim]
    array = np.array(leaf).transpose(axes)
    named[".".join((*inner, ends.get(end, end)))] = torch.from_numpy(array)
  return named


@pytest.fixture(scope="module")
def ours():
  """Returns variables, logits of both modes, new statistics and gradient."""
  with jax.enable_x64(True):
    model = models.build(
      model_config(name="wrn28_2_fixmatch", convolution="xla"),
      "float64",
      heads=_HEADS,
    )
    variables = cheap_variables(model)
    images = jnp.asarray(_IMAGES, "float64")

    def objective(params, stats):
      outputs, new = model.apply(params, stats, images, train=True)
      logits = outputs["logits"]
      return jnp.mean(logits**3), (logits, new)

    gradient, (trained, new) = quick_jit(jax.grad(objective, has_aux=True))(
      *variables
    )
    evaluated = quick_apply(model)(*variables, images, train=False)[0]["logits"]
  return variables, trained, evaluated, new, gradient


@pytest.fixture
def network(ours):
  made = _Network().double()
  params, stats = ours[0]
  missing, unexpected = made.load_state_dict(
    _tensors(params) | _tensors(stats), strict=False
  )
  assert not unexpected
  assert all(name.endswith("num_batches_tracked") for name in missing)
  return made


def _images():
  return torch.from_numpy(_IMAGES).double().permute(0, 3, 1, 2)


def test_training_is_pytorchs(ours, network):
  _, trained, _, new, gradient = ours
  logits = network(_images())
  np.testing.assert_allclose(trained, logits.detach(), rtol=1e-9, atol=1e-10)
  (logits**3).mean().backward()
  expected = dict(network.named_parameters())
  found = _tensors(gradient)
  assert found.keys() == expected.keys()
  for name, x in found.items():
    size = expected[name].grad.abs().max()
    np.testing.assert_allclose(
      x, expected[name].grad, rtol=1e-7, atol=1e-9 * size, err_msg=name
    )
  buffers = dict(network.named_buffers())
  for name, x in _tensors(new).items():
    np.testing.assert_allclose(x, buffers[name], rtol=1e-9, err_msg=name)


def test_evaluation_is_pytorchs(ours, network):
  expected = network.eval()(_images()).detach()
  np.testing.assert_allclose(ours[2], expected, rtol=1e-9, atol=1e-10)


def test_both_convolutions_and_precisions_agree(ours):
  variables = jax.tree.map(lambda x: np.asarray(x, np.float32), ours[0])
  for convolution in ("auto", "xla"):
    config = model_config(name="wrn28_2_fixmatch", convolution=convolution)
    model = models.build(config, heads=_HEADS)
    outputs, _ = quick_apply(model)(*variables, _IMAGES, train=False)
    np.testing.assert_allclose(outputs["logits"], ours[2], rtol=1e-4, atol=1e-4)


def test_kernels_start_with_variance_2_over_fan_out():
  model = models.build(model_config(name="wrn28_2_fixmatch"), heads=_HEADS)

  @quick_jit
  def kernels(key):
    backbone = model.init(key, (8, 8, 3))[0]["backbone"]
    return {
      "conv1": backbone["stage3_block4"]["conv1"]["kernel"],
      "shortcut_conv": backbone["stage3_block1"]["shortcut_conv"]["kernel"],
    }

  for name, kernel in kernels(jax.random.key(0)).items():
    expected = np.sqrt(2 / (kernel.shape[0] ** 2 * 128))
    np.testing.assert_allclose(kernel.std(), expected, rtol=0.03, err_msg=name)


def test_the_first_convolution_halves_the_resolution():
  model = models.build(model_config(name="wrn28_2_fixmatch"), heads=_HEADS)
  shapes = inner_shapes(model, (8, 8, 3))
  assert shapes["stage1_block1"] == (1, 8, 8, 32)
  assert shapes["stage2_block1/conv1"] == (1, 4, 4, 64)
  assert shapes["stage3_block4"] == (1, 2, 2, 128)
