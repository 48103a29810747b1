"""The boundary: `init`, `apply` and `apply_backbone`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_testing import (
  abstract_variables,
  cheap_variables,
  model_config,
  quick_apply,
  quick_jit,
  random_images,
)

from suncet_jax import models


def test_init_under_jit_is_init_and_depends_on_the_key():
  model = models.build(model_config(head={"batch_norm": True}))
  init = quick_jit(model.init, static_argnames="image_shape")
  params, stats = init(jax.random.key(0), image_shape=(8, 8, 3))
  other, _ = init(jax.random.key(1), image_shape=(8, 8, 3))
  kernels = params["backbone"]["stem"]["conv"]["kernel"]
  assert kernels.shape == (3, 3, 3, 16)
  assert np.abs(kernels - other["backbone"]["stem"]["conv"]["kernel"]).max() > 0
  shapes = abstract_variables(model)
  assert jax.tree.map(jnp.shape, (params, stats)) == jax.tree.map(
    lambda leaf: leaf.shape, shapes
  )
  for path, leaf in jax.tree_util.tree_leaves_with_path((params, stats)):
    match [entry.key for entry in path[1:]]:
      case [*_, "scale" | "var"]:
        np.testing.assert_array_equal(leaf, 1)
      case [*_, "mean"] | [*_, "norm1" | "norm2" | "norm", "bias"]:
        np.testing.assert_array_equal(leaf, 0)
      case [*_, "kernel"]:
        assert np.std(leaf) > 0


def test_evaluation_keeps_the_statistics_and_training_moves_them():
  model = models.build(model_config(head={"batch_norm": True}))
  params, stats = cheap_variables(model)
  images = random_images(4, 8, 8, 3)
  apply = quick_apply(model)
  evaluated, same = apply(params, stats, images, train=False)
  trained, moved = apply(params, stats, images, train=True)
  jax.tree.map(np.testing.assert_array_equal, same, stats)
  assert jax.tree.structure(moved) == jax.tree.structure(stats)
  for old, new in zip(*map(jax.tree.leaves, (stats, moved)), strict=True):
    assert np.abs(old - new).max() > 0
  assert np.abs(evaluated["projection"] - trained["projection"]).max() > 1e-3
  # An image's evaluation does not depend on its neighbours.
  alone, _ = apply(params, stats, images[:1], train=False)
  np.testing.assert_allclose(
    alone["projection"], evaluated["projection"][:1], rtol=1e-4, atol=1e-5
  )


def test_backbone_alone_is_the_first_half_of_apply():
  model = models.build(model_config())
  params, stats = cheap_variables(model)
  images = random_images(4, 8, 8, 3)
  outputs, new_stats = quick_apply(model)(params, stats, images, train=True)
  features, backbone_stats = quick_jit(
    model.apply_backbone, static_argnames="train"
  )(params["backbone"], stats["backbone"], images, train=True)
  np.testing.assert_allclose(
    features, outputs["features"], rtol=1e-5, atol=1e-6
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    backbone_stats,
    new_stats["backbone"],
  )
  assert new_stats["head"] == {}


def test_bfloat16_gives_float32_outputs_near_those_of_float32():
  config = model_config(head={"batch_norm": True})
  variables = cheap_variables(models.build(config))
  images = random_images(8, 8, 8, 3)
  expected, _ = quick_apply(models.build(config))(
    *variables, images, train=False
  )
  half = models.build(config, "bfloat16")
  outputs, stats = quick_apply(half)(*variables, images, train=False)
  for name, reference in expected.items():
    ours = outputs[name]
    assert ours.dtype == jnp.float32
    error = np.abs(ours - reference).max()
    assert 0 < error < 0.03 * np.abs(reference).max()
  trained, stats = jax.eval_shape(
    lambda: half.apply(*variables, images, train=True)
  )
  dtypes = {leaf.dtype for leaf in jax.tree.leaves((trained, stats))}
  assert dtypes == {jnp.dtype("float32")}


def test_four_devices_give_the_same_step_as_one():
  mesh = jax.make_mesh(
    (4,),
    ("data",),
    axis_types=(jax.sharding.AxisType.Auto,),
    devices=jax.devices()[:4],
  )
  head = {"layers": 3, "batch_norm": True, "output_batch_norm": True}
  model = models.build(model_config(head, stem="cifar_stride2"))
  variables = cheap_variables(model)

  def objective(params, stats, images):
    outputs, new_stats = model.apply(params, stats, images, train=True)
    return jnp.mean(outputs["projection"] ** 3), (outputs, new_stats)

  step = quick_jit(jax.value_and_grad(objective, has_aux=True))
  images = (
    random_images(8, 8, 8, 3)
    + np.arange(8, dtype=np.float32)[:, None, None, None]
  )
  one = step(*variables, images)
  split = jax.NamedSharding(mesh, jax.P("data"))
  everywhere = jax.NamedSharding(mesh, jax.P())
  four = step(
    *jax.device_put(variables, everywhere), jax.device_put(images, split)
  )
  assert len(four[0][1][0]["features"].sharding.device_set) == 4
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-3, atol=1e-4 * (1 + np.abs(b).max())
    ),
    four,
    one,
  )


def test_images_must_be_floating_point_with_four_axes():
  model = models.build(model_config())
  params, stats = cheap_variables(model)
  with pytest.raises(
    ValueError, match=r"\[b, h, w, c\], got shape \(8, 8, 3\)"
  ):
    model.apply(params, stats, jnp.ones((8, 8, 3)), train=False)
  with pytest.raises(TypeError, match=r"floating point in .*got uint8"):
    model.apply(params, stats, jnp.ones((1, 8, 8, 3), "uint8"), train=False)
