"""Global-Local's networks: the public shapes and numbers, and its arithmetic.

The reference is written in PyTorch, layer by layer, for the same parameters.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from model_testing import (
  abstract_variables,
  cheap_variables,
  count,
  model_config,
  quick_apply,
)

from suncet_jax import models
from suncet_jax.errors import UserError

_SMALL = {
  "slow": 8,
  "fast": 2,
  "audio": 4,
  "depths": (2, 1, 1, 1),
  "slow_every": 2,
  "out": 6,
  "local_out": 5,
}


def _model(precision="float32", **sizes):
  config = model_config(name="global_local", global_local=sizes)
  return models.build(config, precision, heads={})


def _shapes(frames, side, channels, sounds, bands):
  shape = jax.ShapeDtypeStruct
  return {
    "video": shape((1, frames, side, side, channels), jnp.float32),
    "audio": shape((1, sounds, bands), jnp.float32),
  }


def _clips(b=3):
  rng = np.random.default_rng(1)
  return {
    "video": rng.normal(size=(b, 4, 20, 20, 3)),
    "audio": rng.normal(size=(b, 8, 7)),
  }


def test_shapes_and_number_of_parameters_are_those_of_the_public_code():
  model = _model()
  example = _shapes(32, 112, 3, 96, 80)
  params, stats = abstract_variables(model, example)
  parts = {name: count(part) for name, part in params["backbone"].items()}
  assert parts == {
    "slow": 15_256_128,
    "fast": 241_832,
    "audio": 3_887_424,
    "slow_projection": 262_656,
    "fast_projection": 4_160,
    "audio_global_projection": 262_656,
    "audio_local_projection": 32_832,
  }
  assert sum(parts.values()) == 19_947_688
  apply = functools.partial(model.apply, train=False)
  outputs, _ = jax.eval_shape(apply, params, stats, example)
  assert {name: out.shape[1:] for name, out in outputs.items()} == {
    "features": (576,),
    "slow": (4, 7, 7, 512),
    "fast": (32, 7, 7, 64),
    "audio_global": (96, 512),
    "audio_local": (96, 64),
  }


@pytest.mark.parametrize("train", [False, True])
def test_it_computes_what_pytorch_does(x64, train):
  model = _model("float64", **_SMALL)
  variables = cheap_variables(model, _shapes(4, 20, 3, 8, 7))
  outputs, new = model.apply(*variables, _clips(), train=train)
  params, stats = (part["backbone"] for part in variables)
  expected = _Torch(train).outputs(params, stats, _clips())
  assert outputs.keys() == expected.keys()
  for name, value in expected.items():
    np.testing.assert_allclose(outputs[name], value, rtol=1e-8, atol=1e-10)
  moved = jax.tree.map(np.array_equal, new, variables[1])
  assert any(jax.tree.leaves(moved)) == (not train)


class _Torch:
  """The networks by PyTorch's functions, channels first."""

  def __init__(self, train):
    self._train = train

  def outputs(self, params, stats, clips):
    video = torch.tensor(clips["video"]).permute(0, 4, 1, 2, 3)
    sound = torch.tensor(clips["audio"]).permute(0, 2, 1)
    slow = self._frames(
      params["slow"], stats["slow"], video[:, :, ::2], flat_stages=2
    )
    fast = self._frames(params["fast"], stats["fast"], video, flat_stages=0)
    sound = self._sounds(params["audio"], stats["audio"], sound)
    means = [x.mean(dim=(2, 3, 4)) for x in (slow, fast)]
    made = {"features": torch.cat(means, dim=1)}
    for name, x in (
      ("slow", slow),
      ("fast", fast),
      ("audio_global", sound),
      ("audio_local", sound),
    ):
      dense = params[f"{name}_projection"]
      made[name] = x.movedim(1, -1) @ _tensor(dense["kernel"])
      made[name] += _tensor(dense["bias"])
    return {name: x.numpy() for name, x in made.items()}

  def _frames(self, params, stats, x, flat_stages):
    x = _conv3d(params["stem"], x, stride=2)
    x = F.relu(self._norm(params["stem_norm"], stats["stem_norm"], x))
    x = F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
    for name in sorted(n for n in params if n.startswith("stage")):
      block, held = params[name], stats[name]
      stage, number = int(name[5]), int(name[-1])
      stride = 2 if stage in (2, 3) and number == 1 else 1
      sizes = [len(block[conv]["kernel"]) for conv in ("conv1", "conv2")]
      assert sizes == ([1, 3] if stage <= flat_stages else [3, 1])
      short = x
      if "shortcut_conv" in block:
        short = _conv3d(block["shortcut_conv"], x, stride=stride)
        short = self._norm(block["shortcut_norm"], held["shortcut_norm"], short)
      y = _conv3d(block["conv1"], x, stride=stride)
      y = F.relu(self._norm(block["norm1"], held["norm1"], y))
      y = self._norm(block["norm2"], held["norm2"], _conv3d(block["conv2"], y))
      x = F.relu(y + short)
    return x

  def _sounds(self, params, stats, x):
    x = self._norm(
      params["stem_norm"], stats["stem_norm"], _conv1d(params["stem"], x)
    )
    x = F.leaky_relu(x)
    for name in sorted(n for n in params if n.startswith("stage")):
      block, held = params[name], stats[name]
      assert ("shortcut_conv" in block) == name.endswith("block1")
      short = x
      if "shortcut_conv" in block:
        short = self._norm(
          block["shortcut_norm"],
          held["shortcut_norm"],
          _conv1d(block["shortcut_conv"], x),
        )
      y = self._norm(block["norm1"], held["norm1"], _conv1d(block["conv1"], x))
      y = _conv1d(block["conv2"], F.leaky_relu(y))
      x = F.leaky_relu(self._norm(block["norm2"], held["norm2"], y) + short)
    return x

  def _norm(self, params, stats, x):
    return F.batch_norm(
      x,
      _tensor(stats["mean"]),
      _tensor(stats["var"]),
      _tensor(params["scale"]),
      _tensor(params["bias"]),
      training=self._train,
    )


def _tensor(array):
  return torch.tensor(np.array(array, np.float64))


def _conv3d(params, x, stride=1):
  kernel = _tensor(params["kernel"]).permute(4, 3, 0, 1, 2)
  pads = [size // 2 for size in kernel.shape[2:]]
  return F.conv3d(x, kernel, stride=(1, stride, stride), padding=pads)


def _conv1d(params, x):
  kernel = _tensor(params["kernel"]).permute(2, 1, 0)
  bias = _tensor(params["bias"]) if "bias" in params else None
  return F.conv1d(x, kernel, bias, padding=kernel.shape[2] // 2)


def test_small_networks_take_small_clips_and_bfloat16():
  sizes = {**_SMALL, "max_pool": False, "depths": (1, 1)}
  model = _model("bfloat16", **sizes)
  variables = cheap_variables(model, _shapes(4, 8, 1, 8, 7))
  clips = {
    "video": np.ones((2, 4, 8, 8, 1), np.float32),
    "audio": np.ones((2, 8, 7), np.float32),
  }
  outputs, _ = quick_apply(model)(*variables, clips, train=False)
  assert outputs["features"].shape == (2, 20)
  assert model.feature_size == 20
  assert outputs["slow"].shape == (2, 2, 2, 2, 6)
  assert all(value.dtype == jnp.float32 for value in outputs.values())


def test_rematerialised_blocks_are_the_same(x64):
  plain = _model("float64", **_SMALL)
  config = model_config(name="global_local", global_local=_SMALL)
  again = models.build(config, "float64", heads={}, remat=True)
  variables = cheap_variables(plain, _shapes(4, 20, 3, 8, 7))

  def gradient(model):
    def loss(params):
      outputs, _ = model.apply(params, variables[1], _clips(), train=True)
      return sum(jnp.sum(value**2) for value in outputs.values())

    return jax.grad(loss)(variables[0])

  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-9),
    gradient(again),
    gradient(plain),
  )


def test_images_are_refused():
  model = _model(**_SMALL)
  variables = cheap_variables(model, _shapes(4, 20, 3, 8, 7))
  with pytest.raises(UserError, match=r"video \[b, t, h, w, c\] .* \(2, 8"):
    model.apply(
      *variables,
      {"video": np.ones((2, 8, 8, 3)), "audio": np.ones((2, 8, 7))},
      train=False,
    )
