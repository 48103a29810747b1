"""LiRA's network: its sizes, the Conformer's parts, and what it never sees."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_testing import (
  abstract_variables,
  cheap_variables,
  count,
  model_config,
)

from suncet_jax import models
from suncet_jax.architectures import MLP
from suncet_jax.models.clip_conv import AudioConv, VideoConv
from suncet_jax.models.conformer import RelativeAttention, _Depthwise
from suncet_jax.models.numerics import numerics_of

_SMALL = {
  "planes": 2,
  "depths": (1, 1),
  "width": 8,
  "hidden": 12,
  "blocks": 2,
  "heads": 2,
  "kernel": 3,
}
_HEADS = {"acoustic": MLP(layers=1, out=6, of="frames")}


def _model(precision="float32", mlps=_HEADS, **sizes):
  config = model_config(name="lira", lira=sizes)
  return models.build(config, precision, heads=mlps)


def _shapes(frames=5, side=16, sounds=10):
  return {
    "video": jax.ShapeDtypeStruct((1, frames, side, side, 1), jnp.float32),
    "audio": jax.ShapeDtypeStruct((1, sounds, 7), jnp.float32),
  }


def _clips(b=3):
  rng = np.random.default_rng(1)
  return {
    "video": rng.normal(size=(b, 5, 16, 16, 1)),
    "audio": rng.normal(size=(b, 10, 7)),
  }


@functools.cache
def _applied(model, train):
  return jax.jit(functools.partial(model.apply, train=train))


def test_sizes_are_those_of_the_later_public_code():
  model = _model(mlps={"acoustic": MLP(layers=1, out=320, of="frames")})
  example = _shapes(75, 88, 300)
  params, stats = abstract_variables(model, example)
  parts = {name: count(part) for name, part in params["backbone"].items()}
  blocks = [n for name, n in parts.items() if name.startswith("conformer")]
  front = [n for name, n in parts.items() if name.startswith("st")]
  assert sum(front) == 11_182_784
  assert blocks == [2_639_616] * 12
  apply = functools.partial(model.apply, train=False)
  outputs, _ = jax.eval_shape(apply, params, stats, example)
  assert {name: out.shape[1:] for name, out in outputs.items()} == {
    "features": (256,),
    "frames": (75, 256),
    "acoustic": (75, 320),
  }


def test_features_are_the_mean_over_time_and_never_hear(x64):
  model = _model("float64", **_SMALL)
  variables, clips = cheap_variables(model, _shapes()), _clips()
  outputs, _ = _applied(model, False)(*variables, clips)
  np.testing.assert_allclose(
    outputs["features"], outputs["frames"].mean(axis=1), rtol=1e-12
  )
  names = ("features", "frames", "acoustic")

  @jax.jit
  @jax.jacrev
  def totals(clips):
    made, _ = model.apply(*variables, clips, train=True)
    return {name: jnp.sum(made[name] ** 3) for name in names}

  for gradient in totals(clips).values():
    np.testing.assert_array_equal(gradient["audio"], 0)
    assert np.abs(gradient["video"]).max() > 1e-6


def test_dropout_needs_training_and_a_key():
  model = _model(**_SMALL, dropout=0.5)
  params, stats = cheap_variables(model, _shapes())
  clips = jax.tree.map(np.float32, _clips())

  def features(train, key=None):
    outputs, _ = _applied(model, train)(params, stats, clips, key=key)
    return np.asarray(outputs["features"])

  keys = jax.random.split(jax.random.key(0))
  np.testing.assert_array_equal(features(False, keys[0]), features(False))
  first, second = (features(True, key) for key in keys)
  assert np.abs(first - second).max() > 0.01
  assert np.abs(first - features(True)).max() > 0.01


def _variables(module, x):
  variables = module.init(jax.random.key(0), x)
  return {"params": jax.tree.map(_drawn, variables["params"])}


def _drawn(leaf):
  values = np.random.default_rng(leaf.size).normal(size=leaf.shape)
  return jnp.asarray(values, leaf.dtype)


def _by_lax(x, kernel, strides, axes):
  pads = [(size // 2, size // 2) for size in kernel.shape[: len(axes)]]
  spec = (f"N{axes}C", f"{axes}IO", f"N{axes}C")
  return jax.lax.conv_general_dilated(
    x, kernel, strides, pads, dimension_numbers=spec
  )


@pytest.mark.parametrize(
  ("frames", "side", "stride"), [(3, 3, 1), (1, 1, 2), (5, 7, 2), (3, 1, 1)]
)
def test_video_convolution_is_the_three_dimensional_one(
  x64, frames, side, stride
):
  numerics = numerics_of("float64", "auto")
  conv = VideoConv(4, frames, side, numerics, stride=stride)
  x = np.random.default_rng(0).normal(size=(2, 6, 9, 9, 3))
  variables = _variables(conv, x)
  kernel = variables["params"]["kernel"]

  def ours(x, kernel):
    return jnp.sum(jnp.sin(conv.apply({"params": {"kernel": kernel}}, x)))

  def theirs(x, kernel):
    made = _by_lax(x, kernel, (1, stride, stride), "DHW")
    return jnp.sum(jnp.sin(made))

  found, expected = (jax.grad(f, (0, 1))(x, kernel) for f in (ours, theirs))
  np.testing.assert_allclose(ours(x, kernel), theirs(x, kernel), rtol=1e-9)
  for one, other in zip(found, expected, strict=True):
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def test_audio_convolution_is_the_one_dimensional_one(x64):
  conv = AudioConv(4, 7, numerics_of("float64", "auto"))
  x = np.random.default_rng(0).normal(size=(2, 9, 3))
  variables = _variables(conv, x)
  kernel, bias = (variables["params"][name] for name in ("kernel", "bias"))
  expected = _by_lax(x, kernel, (1,), "H") + bias
  np.testing.assert_allclose(conv.apply(variables, x), expected, rtol=1e-9)


def test_depthwise_convolution_is_the_grouped_one(x64):
  conv = _Depthwise(5, numerics_of("float64", "auto"))
  x = np.random.default_rng(0).normal(size=(2, 9, 3))
  variables = _variables(conv, x)
  kernel, bias = (variables["params"][name] for name in ("kernel", "bias"))
  expected = jax.lax.conv_general_dilated(
    x,
    kernel,
    (1,),
    [(2, 2)],
    dimension_numbers=("NHC", "HIO", "NHC"),
    feature_group_count=3,
  )
  np.testing.assert_allclose(
    conv.apply(variables, x), expected + bias, rtol=1e-9
  )


def test_attention_is_the_formula_of_relative_positions(x64):
  """Dai et al. 2019, section 3.3, one pair of frames after another."""
  b, t, c, heads = 2, 5, 8, 2
  module = RelativeAttention(heads, numerics_of("float64", "auto"))
  x = np.random.default_rng(0).normal(size=(b, t, c))
  variables = _variables(module, x)
  p = jax.tree.map(np.array, variables["params"])
  d = c // heads

  def dense(name, rows):
    return rows @ p[name]["kernel"] + p[name].get("bias", 0)

  q, k, v = (
    dense(n, x).reshape(b, t, heads, d) for n in ("query", "key", "value")
  )
  expected = np.zeros((b, t, heads, d))
  for clip, i, head in np.ndindex(b, t, heads):
    logits = np.zeros(t)
    for j in range(t):
      angles = (i - j) / 10000.0 ** (np.arange(0, c, 2) / c)
      waves = np.stack([np.sin(angles), np.cos(angles)], axis=1).reshape(c)
      place = dense("position", waves).reshape(heads, d)[head]
      query = q[clip, i, head]
      logits[j] = (query + p["key_bias"][head]) @ k[clip, j, head]
      logits[j] += (query + p["position_bias"][head]) @ place
    weights = np.exp(logits / np.sqrt(d))
    weights /= weights.sum()
    expected[clip, i, head] = weights @ v[clip, :, head]
  expected = dense("out", expected.reshape(b, t, c))
  np.testing.assert_allclose(
    module.apply(variables, x), expected, rtol=1e-5, atol=1e-6
  )


def test_conformer_blocks_are_of_the_batch_in_training_only():
  """Its norm has statistics; everything else is of a clip by itself."""
  model = _model(**_SMALL)
  params, stats = cheap_variables(model, _shapes())
  clips = jax.tree.map(np.float32, _clips())
  one = jax.tree.map(lambda leaf: leaf[:1], clips)
  whole, same = model.apply(params, stats, clips, train=False)
  alone, _ = model.apply(params, stats, one, train=False)
  np.testing.assert_allclose(
    whole["features"][:1], alone["features"], rtol=1e-4, atol=1e-5
  )
  assert same is not None
  jax.tree.map(np.testing.assert_array_equal, same, stats)
  _, moved = model.apply(params, stats, clips, train=True)
  norms = [
    path
    for path, leaf in jax.tree_util.tree_leaves_with_path(
      moved["backbone"]["conformer1"]
    )
    if leaf.size
  ]
  assert len(norms) == 2  # mean and variance of the convolution's norm
  assert isinstance(model.backbone.module, nn.Module)
