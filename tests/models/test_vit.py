"""Vision transformers: their parts, sizes, precisions and gradients.

That their features are those of other libraries is in
tests/convert/test_convert_vit.py.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual
from model_testing import (
  abstract_variables,
  cheap_variables,
  count,
  model_config,
  quick_jit,
  random_images,
)

from suncet_jax import models

_SHAPES = (
  {},
  {"registers": 3, "layer_scale": 1e-5},
  {"pool": "mean", "registers": 1},
)


def _model(precision="float32", name="vit_mu4", remat=False, **vit):
  return models.build(model_config(name=name, vit=vit), precision, remat=remat)


@functools.cache
def _features(model):
  return quick_jit(functools.partial(model.apply_backbone, train=False))


def _apply(model, params, images):
  return np.asarray(_features(model)(params["backbone"], {}, images)[0])


@pytest.mark.parametrize(
  ("name", "size", "vit", "expected"),
  [
    # As timm counts them, without a classifier.
    ("vit_ti16", 224, {}, 5_524_416),
    ("vit_s16", 224, {}, 21_665_664),
    ("vit_b16", 224, {}, 85_798_656),
    ("vit_l16", 224, {}, 303_301_632),
    ("vit_s14", 518, {"layer_scale": 1e-5}, 22_056_192),
    ("vit_b14", 518, {"layer_scale": 1e-5}, 86_579_712),
  ],
)
def test_the_backbone_has_the_published_count(name, size, vit, expected):
  params, stats = abstract_variables(_model(name=name, **vit), (size, size, 3))
  assert count(params["backbone"]) == expected
  assert stats["backbone"] == {}


@pytest.mark.parametrize("vit", _SHAPES)
def test_every_parameter_has_a_finite_gradient(vit):
  model = _model(**vit)
  params, stats = cheap_variables(model)
  images = random_images(4, 8, 8, 3)

  @quick_jit
  @jax.grad
  def gradient(params):
    outputs, _ = model.apply(params, stats, images, train=True)
    return jnp.mean(outputs["projection"] ** 3)

  for path, leaf in jax.tree.leaves_with_path(gradient(params)):
    assert np.isfinite(leaf).all(), path
    assert np.abs(leaf).max() > 0, path


def test_layer_scale_starts_where_it_is_set_and_registers_are_tokens():
  model = _model(registers=2, layer_scale=0.25)
  params, _ = model.init(jax.random.key(0), (8, 8, 1))
  backbone = params["backbone"]
  scale = backbone["block2"]["layer_scale1"]["scale"]
  np.testing.assert_array_equal(scale, np.full(64, 0.25, np.float32))
  assert backbone["registers"].shape == (1, 2, 64)
  assert backbone["positions"].shape == (1, 5, 64)
  assert backbone["patches"]["kernel"].shape == (4, 4, 1, 64)


def test_the_mean_is_over_patches_and_not_registers():
  model = _model(pool="mean", registers=1)
  params, _ = cheap_variables(model)
  backbone = params["backbone"]
  assert "class_token" not in backbone
  assert backbone["positions"].shape == (1, 4, 64)
  # Without positions the order of patches is nothing that a mean can see.
  params["backbone"]["positions"] *= 0
  images = random_images(1, 8, 8, 3)
  turned = np.roll(images, 4, axis=2)
  there, back = (_apply(model, params, x) for x in (images, turned))
  np.testing.assert_allclose(there, back, atol=1e-5)


def test_positions_follow_the_size_of_the_images():
  model = _model()
  params, _ = cheap_variables(model, (16, 16, 3))
  assert params["backbone"]["positions"].shape == (1, 17, 64)
  for size in ((8, 8), (16, 24)):
    assert _apply(model, params, random_images(2, *size, 3)).shape == (2, 64)
  given = _model(image_size=24)
  shapes, _ = abstract_variables(given, (8, 8, 3))
  assert shapes["backbone"]["positions"].shape == (1, 37, 64)


@pytest.mark.parametrize("size", [(10, 8), (8, 6)])
def test_a_size_that_no_patches_fill_is_refused(size):
  model = _model()
  params, _ = cheap_variables(model)
  with pytest.raises(ValueError, match="expected multiples of 4, the patch"):
    _apply(model, params, random_images(1, *size, 3))


def test_bfloat16_is_close_and_parameters_are_float32():
  narrow, wide = _model("bfloat16"), _model()
  params, _ = cheap_variables(narrow)
  assert {x.dtype for x in jax.tree.leaves(params)} == {np.dtype(np.float32)}
  images = random_images(4, 8, 8, 3)
  expected = _apply(wide, params, images)
  found = _apply(narrow, params, images)
  assert found.dtype == np.float32
  assert np.linalg.norm(found - expected) < 0.02 * np.linalg.norm(expected)


def test_rows_on_several_devices_change_nothing():
  model = _model(registers=2)
  params, stats = cheap_variables(model)
  images = random_images(8, 8, 8, 3)

  def gradient(mesh):
    rows = jax.sharding.NamedSharding(mesh, jax.P("data"))

    def loss(params, images):
      outputs, _ = model.apply(params, stats, images, train=True)
      return jnp.mean(outputs["projection"] ** 3)

    put = jax.device_put(images, rows)
    return jax.tree.leaves(quick_jit(jax.grad(loss))(params, put))

  for one, four in zip(
    gradient(virtual.mesh(1)), gradient(virtual.mesh(4)), strict=True
  ):
    largest = np.abs(one).max()
    np.testing.assert_allclose(four, one, rtol=1e-4, atol=1e-5 * largest)
