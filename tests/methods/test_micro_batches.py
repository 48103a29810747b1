"""Micro-batches give the gradient of the whole batch, in less memory."""

import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import virtual

from suncet_jax import models
from suncet_jax.config import base
from suncet_jax.devices.mesh import by_rows
from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.suncet.method import SuNCEt

_ROWS, _LABELLED, _SIZE = 32, 16, 8


class _Perceptron:
  """An encoder without batch norm: rows do not depend on one another."""

  heads, over_all_views = ("projection",), ()

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del train, key
    rows = images.reshape(images.shape[0], -1)
    return jnp.tanh(rows @ params["in"]), batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    projection = outputs["features"] @ params["out"]
    return {**outputs, "projection": projection}, batch_stats


def _perceptron():
  rng = np.random.default_rng(0)
  params = {
    "backbone": {"in": rng.normal(size=(_SIZE**2, 12)) / _SIZE},
    "out": rng.normal(size=(12, 6)),
  }
  return _Perceptron(), jax.tree.map(jnp.float32, params), {"backbone": {}}


def _resnet():
  config = ml_collections.ConfigDict(base().model)
  config.name, config.stem, config.head.out = "resnet8", "cifar_stride2", 8
  model = models.build(config)
  init = jax.jit(functools.partial(model.init, image_shape=(_SIZE, _SIZE, 1)))
  return model, *init(jax.random.key(0))


def _views(mesh):
  """Two views, a small one, and a labelled one, spread over devices."""
  rng = np.random.default_rng(1)

  def put(count, size):
    images = rng.uniform(size=(count, size, size, 1)).astype(np.float32)
    return jax.device_put(images, by_rows(mesh))

  labels = np.arange(_LABELLED, dtype=np.int32) % 4
  return Views(
    (put(_ROWS, _SIZE), put(_ROWS, _SIZE)),
    (put(_LABELLED, _SIZE),),
    jax.device_put(labels, by_rows(mesh)),
  )


def _step(encode):
  """Returns the jitted gradient of SimCLR + SuNCEt and the new statistics."""
  method = SuNCEt(SimCLR())

  @jax.jit
  def step(params, batch_stats, views):
    (loss, output), gradient = jax.value_and_grad(method.loss, has_aux=True)(
      params, batch_stats, (), views, encode, None
    )
    return loss, gradient, output.batch_stats

  return step


def _result(setting, encode, mesh):
  _, params, batch_stats = setting
  views = _views(mesh)
  return jax.device_get(_step(encode)(params, batch_stats, views))


def _assert_close(ours, expected):
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max()
    ),
    ours,
    expected,
  )


@pytest.fixture(scope="module")
def whole():
  """The perceptron's loss and gradient of the whole batch at once."""
  setting = _perceptron()
  return _result(
    setting, ViewEncoder(setting[0], virtual.mesh(1)), virtual.mesh(1)
  )


@pytest.mark.parametrize(("devices", "count"), [(1, 2), (1, 16), (4, 4)])
def test_the_gradient_is_that_of_the_whole_batch(devices, count, whole):
  setting = _perceptron()
  encode = ViewEncoder(setting[0], virtual.mesh(devices), micro_batches=count)
  _assert_close(_result(setting, encode, virtual.mesh(devices)), whole)


def test_a_sum_of_small_gradients_is_another(whole):
  """What this is for: each small batch misses the others' negatives."""
  model, params, batch_stats = _perceptron()
  mesh = virtual.mesh(1)
  step = _step(ViewEncoder(model, mesh))
  views = _views(mesh)
  parts = [
    step(params, batch_stats, jax.tree.map(lambda x, i=i: x[i::4], views))
    for i in range(4)
  ]
  gradient = jax.tree.map(lambda *x: np.mean(x, axis=0), *(p[1] for p in parts))
  difference = np.abs(
    gradient["backbone"]["in"] - whole[1]["backbone"]["in"]
  ).max()
  assert difference > 0.01 * np.abs(whole[1]["backbone"]["in"]).max()


@pytest.fixture(scope="module")
def part_by_part():
  """A ResNet's result with a batch norm per part, all parts kept."""
  setting = _resnet()
  encode = ViewEncoder(setting[0], virtual.mesh(1))

  class AllKept(ViewEncoder):
    def __call__(self, params, batch_stats, views):
      return all_kept(params, batch_stats, views)

  def all_kept(params, batch_stats, views):
    outputs, stats = zip(
      *(
        encode(params, batch_stats, [v[i::4] for v in views]) for i in range(4)
      ),
      strict=True,
    )
    joined = jax.tree.map(
      lambda *x: jnp.stack(x, axis=1).reshape(-1, *x[0].shape[1:]), *outputs
    )
    return joined, jax.tree.map(lambda *x: sum(x) / 4, *stats)

  return _result(setting, AllKept(setting[0], virtual.mesh(1)), virtual.mesh(1))


@pytest.mark.parametrize(
  "devices", [pytest.param(1, marks=pytest.mark.slow), 2]
)
def test_batch_norm_is_of_each_part(devices, part_by_part):
  setting = _resnet()
  encode = ViewEncoder(setting[0], virtual.mesh(devices), micro_batches=4)
  _assert_close(_result(setting, encode, virtual.mesh(devices)), part_by_part)


def _compiled(setting, mesh, **options):
  model, params, batch_stats = setting
  encode = ViewEncoder(model, mesh, **options)
  step = _step(encode)
  return step.lower(params, batch_stats, _views(mesh)).compile()


@pytest.mark.slow
def test_they_take_less_memory():
  setting, mesh = _resnet(), virtual.mesh(1)
  at_once, in_parts = (
    _compiled(setting, mesh, micro_batches=count).memory_analysis()
    for count in (1, 8)
  )
  assert in_parts.temp_size_in_bytes < at_once.temp_size_in_bytes / 2


def test_no_row_moves_between_devices():
  program = _compiled(_resnet(), virtual.mesh(4), micro_batches=4).as_text()
  assert "all-reduce" in program
  for collective in ("all-to-all", "collective-permute"):
    assert collective not in program
  # What is gathered are embeddings and the like: two axes, not images.
  gathers = [line for line in program.splitlines() if " all-gather(" in line]
  assert gathers
  for line in gathers:
    assert line.split(" = ")[1].split("[")[1].split("]")[0].count(",") <= 1
