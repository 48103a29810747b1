"""The benchmark of training steps times the same networks in all columns."""

import jax
import numpy as np
import programs
import pytest

from benchmarks.step.flax_models import ARCHITECTURES, Encoder
from benchmarks.step.jax_jobs import flax_ntxent
from benchmarks.step.layers import resnet50
from suncet_jax import losses, models
from suncet_jax.architectures import STEMS
from suncet_jax.config import base


def _both(name, stem):
  """Returns our model and the plain Flax one."""
  config = base().model
  config.name, config.stem = name, stem
  plain = Encoder(ARCHITECTURES[name], STEMS[stem])
  return models.build(config), plain


@pytest.mark.parametrize(
  ("name", "stem"),
  [
    ("resnet8", "cifar"),
    ("resnet18", "cifar"),
    ("wrn28_2", "cifar"),
    ("resnet50", "imagenet"),
    ("vit_s16", "imagenet"),
  ],
)
def test_plain_flax_has_the_same_parameters(name, stem):
  ours, plain = _both(name, stem)
  key = jax.random.key(0)
  expected = jax.eval_shape(lambda: ours.init(key, (32, 32, 3)))
  images = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
  found = jax.eval_shape(lambda x: plain.init(key, x, train=False), images)
  assert found["params"] == expected[0]


@pytest.mark.parametrize(
  ("name", "stem"),
  [("resnet8", "imagenet"), ("wrn28_2", "cifar"), ("vit_mu4", "cifar")],
)
def test_plain_flax_gives_the_same_projections(name, stem):
  ours, plain = _both(name, stem)
  params, batch_stats = ours.init(jax.random.key(0), (16, 16, 3))
  images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
  expected = jax.jit(
    lambda x: ours.apply(params, batch_stats, x, train=True)[0]["projection"]
  )(images)
  variables = {
    "params": params,
    "batch_stats": {"backbone": batch_stats["backbone"]},
  }
  found = jax.jit(
    lambda x: plain.apply(variables, x, train=True, mutable=["batch_stats"])[0]
  )(images)
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_plain_ntxent_is_ours():
  rows = jax.random.normal(jax.random.key(0), (12, 5))
  expected = losses.ntxent(rows[:6], rows[6:], temperature=0.1)
  np.testing.assert_allclose(flax_ntxent(rows), expected, rtol=1e-5)


@pytest.mark.slow
def test_step_prints_a_table():
  flags = "--rows=tiny", "--columns=flax_fp32,ours_fp32", "--repeats=2"
  text = programs.output("benchmarks.step", *flags, optimized=False)
  assert f"- Command: `python -m benchmarks.step {' '.join(flags)}`" in text
  head, rule, row = programs.cells(text)
  assert head[1:] == [
    "plain Flax fp32",
    "ours fp32",
    "plain Flax fp32 / ours fp32",
  ]
  assert len(row) == len(rule) == len(head)
  *times, ratio = row[1:]
  assert all(float(time.split("(")[0]) > 0 for time in times)
  assert float(ratio) > 0


@pytest.mark.slow
def test_memory_is_told_by_option():
  text = programs.output(
    "benchmarks.step.memory",
    "--row=tiny",
    "--options=at once,4 micro-batches",
    "--repeats=1",
  )
  titles, _, *rows = programs.cells(text)
  assert titles == ["", "kept, MB", "temporaries, MB", "ms per step"]
  (whole, kept, *_), (parts, kept_of_parts, *_) = rows
  assert (whole, parts) == ("at once", "4 micro-batches")
  assert float(kept) > float(kept_of_parts)


def test_the_layers_timed_are_those_of_the_network():
  config = base().model
  config.name, config.stem = "resnet50", "imagenet"
  model = models.build(config)
  params, _ = jax.eval_shape(
    lambda k: model.init(k, (224, 224, 3)), jax.random.key(0)
  )
  kernels = [
    leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params["backbone"])
    if leaf.ndim == 4 and "stem" not in jax.tree_util.keystr(path)
  ]
  timed = [
    (layer.kernel, layer.kernel, layer.channels, layer.features)
    for layer in resnet50()
    for _ in range(layer.times)
  ]
  assert sorted(timed) == sorted(kernels)
