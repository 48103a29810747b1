"""The benchmarks time the same networks, and print a table."""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from suncet_jax import losses, model_names, models
from suncet_jax.config import base

_FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def flax_step(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import flax_step

  return flax_step


def _both(flax_step, name, stem):
  """Returns our model and the plain Flax one."""
  config = base().model
  config.name, config.stem = name, stem
  plain = flax_step.Encoder(
    model_names.MODEL_NAMES[name], model_names.STEMS[stem]
  )
  return models.build(config), plain


@pytest.mark.parametrize(
  ("name", "stem"),
  [
    ("resnet8", "cifar"),
    ("resnet18", "cifar"),
    ("wrn28_2", "cifar"),
    ("resnet50", "imagenet"),
  ],
)
def test_plain_flax_has_the_same_parameters(flax_step, name, stem):
  ours, plain = _both(flax_step, name, stem)
  key = jax.random.key(0)
  expected = jax.eval_shape(lambda: ours.init(key, (32, 32, 3)))
  images = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
  found = jax.eval_shape(lambda x: plain.init(key, x, train=False), images)
  assert found["params"] == expected[0]


@pytest.mark.parametrize(
  ("name", "stem"), [("resnet8", "imagenet"), ("wrn28_2", "cifar")]
)
def test_plain_flax_gives_the_same_projections(flax_step, name, stem):
  ours, plain = _both(flax_step, name, stem)
  params, batch_stats = ours.init(jax.random.key(0), (16, 16, 3))
  images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
  expected = jax.jit(
    lambda x: ours.apply(params, batch_stats, x, train=True)[0].projection
  )(images)
  variables = {
    "params": params,
    "batch_stats": {"backbone": batch_stats["backbone"]},
  }
  found = jax.jit(
    lambda x: plain.apply(variables, x, train=True, mutable=["batch_stats"])[0]
  )(images)
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_plain_ntxent_is_ours(flax_step):
  rows = jax.random.normal(jax.random.key(0), (12, 5))
  expected = losses.ntxent(rows[:6], rows[6:], temperature=0.1)
  np.testing.assert_allclose(flax_step.ntxent(rows), expected, rtol=1e-5)


def test_step_prints_a_table():
  command = [
    sys.executable,
    _FOLDER / "step.py",
    "--rows=tiny",
    "--columns=flax_fp32,ours_fp32",
    "--repeats=2",
  ]
  # It compiles more than it computes.
  environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
  result = subprocess.run(
    command, capture_output=True, text=True, check=True, env=environment
  )
  head, rule, row = (
    line.strip("|").split("|")
    for line in result.stdout.splitlines()
    if line.startswith("|")
  )
  assert [cell.strip() for cell in head[1:]] == [
    "plain Flax fp32",
    "ours fp32",
    "plain Flax fp32 / ours fp32",
  ]
  assert len(row) == len(rule) == len(head)
  *times, ratio = row[1:]
  assert all(float(time.split("(")[0]) > 0 for time in times)
  assert float(ratio) > 0


def test_a_column_that_fails_is_named(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import workers

  with workers.Worker("no_such_module:make") as worker:
    seconds, failures = workers.take_turns({"x": worker}, rounds=1, steps=1)
  assert seconds == {}
  assert failures == {
    "x": "ModuleNotFoundError: No module named 'no_such_module'"
  }


def test_the_layers_timed_are_those_of_the_network(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import layers

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
    for layer in layers.resnet50()
    for _ in range(layer.count)
  ]
  assert sorted(timed) == sorted(kernels)
