"""Stems and residual blocks of ResNets."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_testing import (
  abstract_variables,
  inner_shapes,
  model_config,
  quick_jit,
  random_images,
)

from suncet_jax import models
from suncet_jax.architectures import STEMS
from suncet_jax.models.blocks import BasicBlock, BottleneckBlock
from suncet_jax.models.numerics import Numerics


@pytest.mark.parametrize("name", ["resnet8", "resnet18", "resnet50"])
@pytest.mark.parametrize("stem", STEMS)
def test_stems_work_on_small_grey_images(name, stem):
  model = models.build(model_config(name=name, stem=stem))
  params, stats = abstract_variables(model, (24, 24, 1))
  images = jax.ShapeDtypeStruct((2, 24, 24, 1), jnp.float32)
  outputs, new_stats = jax.eval_shape(
    lambda p, s, x: model.apply(p, s, x, train=True), params, stats, images
  )
  assert outputs["features"].shape == (2, model.feature_size)
  assert outputs["projection"].shape == (2, 8)
  assert jax.tree.map(jnp.shape, new_stats) == jax.tree.map(jnp.shape, stats)


@pytest.mark.parametrize(
  ("stem", "size"), [("imagenet", 6), ("cifar", 24), ("cifar_stride2", 12)]
)
def test_stems_divide_the_resolution_by_4_1_and_2(stem, size):
  shapes = inner_shapes(models.build(model_config(stem=stem)), (24, 24, 3))
  assert shapes["stem"] == (1, size, size, 16)


def test_bottlenecks_halve_the_resolution_on_the_3x3_convolution():
  shapes = inner_shapes(models.build(model_config(name="resnet50")), (8, 8, 3))
  assert shapes["stage1_block1"] == (1, 8, 8, 256)
  assert shapes["stage2_block1/conv1"] == (1, 8, 8, 128)
  assert shapes["stage2_block1/conv2"] == (1, 4, 4, 128)
  assert shapes["stage2_block2"] == (1, 4, 4, 512)


@pytest.mark.parametrize("block", [BasicBlock, BottleneckBlock])
def test_zero_init_residual_makes_a_block_the_identity(block):
  numerics = Numerics(jnp.float32, jnp.float32)
  x = random_images(3, 4, 4, 8)
  planes = 8 if block is BasicBlock else 2

  def run(zero_init_residual):
    module = block(planes, 1, zero_init_residual, numerics)
    variables = module.init(jax.random.key(0), x, train=False)
    return module.apply(variables, x, train=True, mutable=["batch_stats"])[0]

  run = quick_jit(run, static_argnums=0)
  np.testing.assert_array_equal(run(True), x)
  assert np.abs(run(False) - x).max() > 0.1


def test_zero_init_residual_reaches_only_the_last_norm_of_each_block():
  for name, last in (("resnet8", "norm2"), ("resnet50", "norm3")):
    model = models.build(model_config(name=name, zero_init_residual=True))
    # Only the gammas, constants, are computed: the rest is dead code.
    init_scales = quick_jit(functools.partial(_scales, model))
    for path, scale in init_scales(jax.random.key(0)).items():
      expected = 0 if path.endswith(last) and "stage" in path else 1
      np.testing.assert_array_equal(scale, expected, err_msg=path)


def _scales(model, key):
  params, _ = model.init(key, (8, 8, 3))
  return {
    "/".join(entry.key for entry in path[:-1]): leaf
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    if path[-1].key == "scale"
  }
