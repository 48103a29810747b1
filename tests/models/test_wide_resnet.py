"""The WideResNet: its gradient and where its strides are."""

import jax
import jax.numpy as jnp
import numpy as np
from model_testing import (
  cheap_variables,
  inner_shapes,
  model_config,
  quick_apply,
  quick_jit,
  random_images,
)

from suncet_jax import models


def test_wide_resnet_trains():
  model = models.build(
    model_config({"layers": 3, "batch_norm": True}, name="wrn28_2")
  )
  variables = cheap_variables(model)
  images = random_images(4, 8, 8, 3)

  def objective(params, stats):
    outputs, new_stats = model.apply(params, stats, images, train=True)
    return jnp.mean(outputs["projection"] ** 3), (outputs, new_stats)

  step = quick_jit(jax.grad(objective, has_aux=True))
  gradient, (trained, _) = step(*variables)
  assert trained["features"].shape == (4, 128)
  # The norm behind a convolution cancels its bias: only kernels must matter.
  for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
    assert np.isfinite(leaf).all()
    if path[-1].key == "kernel":
      assert np.abs(leaf).max() > 0, path
  evaluated, _ = quick_apply(model)(*variables, images, train=False)
  assert np.abs(evaluated["projection"] - trained["projection"]).max() > 1e-3


def test_wide_resnet_halves_the_resolution_on_the_second_convolution():
  shapes = inner_shapes(models.build(model_config(name="wrn28_2")), (8, 8, 3))
  assert shapes["stage1_block1"] == (1, 8, 8, 32)
  assert shapes["stage2_block1/conv1"] == (1, 8, 8, 64)
  assert shapes["stage2_block1/conv2"] == (1, 4, 4, 64)
  assert shapes["stage3_block4"] == (1, 2, 2, 128)
