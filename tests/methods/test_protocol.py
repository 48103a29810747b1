"""The two methods, and that the protocol carries what comes next."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from suncet_jax import losses
from suncet_jax.config import base
from suncet_jax.config.validation import METHOD_NAMES
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.stream import Batch
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.methods import (
  BatchSpec,
  SimCLR,
  StepOutput,
  SuNCEt,
  Views,
  make_encode,
  make_method,
)
from suncet_jax.models import Outputs
from suncet_jax.train.state import init_state
from suncet_jax.train.step import make_step

_AUGMENTATION = Augmentation(
  size=8, crop_scale=(0.5, 1.0), jitter_prob=0.0, blur_prob=0.0
)


@dataclasses.dataclass(frozen=True)
class _Toy:
  """A linear encoder with a running mean, in the place of a `Model`."""

  def init(self, key, image_shape):
    size = int(np.prod(image_shape))
    return {"w": jax.random.normal(key, (size, 6)) / 8}, {"mean": jnp.zeros(6)}

  def apply(self, params, batch_stats, images, *, train):
    # Any size: small views are repeated up to the size of the weights.
    flat = images.reshape(images.shape[0], -1)
    flat = jnp.tile(flat, (1, params["w"].shape[0] // flat.shape[1]))
    z = (flat - 0.5) @ params["w"]
    return Outputs(z, z), {"mean": 0.9 * batch_stats["mean"] + 0.1 * z.mean(0)}


def _mesh():
  return jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))


def _views(labelled=1):
  rng = np.random.RandomState(0)
  images = [
    jnp.asarray(rng.rand(6, 8, 8, 1), jnp.float32) for _ in range(2 + labelled)
  ]
  labels = jnp.array([0, 1, 2, 0, 1, 2])
  return Views(tuple(images[:2]), tuple(images[2:]), labels)


def _loss(method, views):
  params, stats = _Toy().init(jax.random.key(0), (8, 8, 1))
  return method.loss(params, stats, (), views, make_encode(_Toy(), 1))


def test_every_method_that_a_config_may_name_is_built():
  for name in METHOD_NAMES:
    config = base()
    config.method.name = name
    built = make_method(config, _AUGMENTATION, _mesh())
    assert type(built).__name__.lower() == name


def test_simclr_is_ntxent_of_the_two_views():
  method, views = SimCLR(_AUGMENTATION, _mesh(), temperature=0.3), _views()
  value, output = _loss(method, views)
  params, stats = _Toy().init(jax.random.key(0), (8, 8, 1))
  first, second = (
    _Toy().apply(params, stats, v, train=True)[0].projection
    for v in views.unlabelled
  )
  expected = losses.ntxent(first, second, temperature=0.3)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  np.testing.assert_allclose(output.metrics["ntxent"], expected, rtol=1e-6)


@pytest.mark.parametrize("labelled", [1, 2])
def test_suncet_adds_the_weighted_supervised_loss(labelled):
  simclr, views = SimCLR(_AUGMENTATION, _mesh()), _views(labelled)
  method = SuNCEt(simclr, weight=0.5, labelled_views=labelled)
  value, output = _loss(method, views)
  params, stats = _Toy().init(jax.random.key(0), (8, 8, 1))
  rows = jnp.concatenate(
    [
      _Toy().apply(params, stats, v, train=True)[0].projection
      for v in views.labelled
    ]
  )
  expected = losses.suncet(rows, jnp.tile(views.labels, labelled))
  np.testing.assert_allclose(output.metrics["suncet"], expected, rtol=1e-5)
  np.testing.assert_allclose(
    value, output.metrics["ntxent"] + 0.5 * expected, rtol=1e-5
  )


def test_after_the_switch_off_suncet_is_simclr():
  simclr = SimCLR(_AUGMENTATION, _mesh())
  method = SuNCEt(simclr, supervised_epochs=3, labelled_views=2)
  plans = [method.plan(epoch) for epoch in range(6)]
  assert [len(plan.labelled) for plan in plans] == [2, 2, 2, 0, 0, 0]
  assert plans[3] == simclr.plan(3)
  assert len(set(plans)) == 2  # so the step is compiled twice, no more
  views = Views(_views().unlabelled, (), None)
  np.testing.assert_array_equal(
    _loss(method, views)[0], _loss(simclr, views)[0]
  )


def test_without_a_switch_off_labels_stay():
  method = SuNCEt(SimCLR(_AUGMENTATION, _mesh()), supervised_epochs=-1)
  assert len({method.plan(epoch) for epoch in range(1000)}) == 1


@dataclasses.dataclass(frozen=True)
class _MomentumBank:
  """A stand-in for what PAWS and CoMatch need.

  Several crop sizes, labelled support, a momentum encoder, a memory bank.
  """

  large: Augmentation
  small: Augmentation

  def plan(self, epoch: int) -> BatchSpec:
    del epoch
    return BatchSpec((self.large, self.large, self.small), (self.large,))

  def init(self, params: Any, batch_stats: Any) -> Any:
    del batch_stats
    copy = jax.tree.map(jnp.copy, params)
    return {"momentum": copy, "bank": jnp.zeros((16, 6))}

  def loss(self, params, batch_stats, method_state, views, encode):
    outputs, new_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    targets, _ = encode(
      method_state["momentum"], batch_stats, views.unlabelled[:1]
    )
    target = jax.lax.stop_gradient(targets[0].projection)
    support = losses.suncet(outputs[3].projection, views.labels)
    small = losses.ntxent(outputs[2].projection, target)
    spread = jnp.mean((outputs[1].projection @ method_state["bank"].T) ** 2)
    value = support + small + spread
    return value, StepOutput(new_stats, {"support": support}, target)

  def update(self, method_state, params, aux):
    bank = jnp.concatenate([aux, method_state["bank"]])[:16]
    momentum = optax.incremental_update(params, method_state["momentum"], 0.1)
    return {"momentum": momentum, "bank": bank}


def test_the_protocol_carries_momentum_encoders_banks_and_several_crops():
  small = dataclasses.replace(_AUGMENTATION, size=4)
  method, toy = _MomentumBank(_AUGMENTATION, small), _Toy()
  optimizer = optax.sgd(0.1)
  state = init_state(jax.random.key(0), toy, method, optimizer, (8, 8, 1))
  step = make_step(
    method,
    make_encode(toy, 1),
    optimizer,
    lambda _: 0.1,
    make_mesh(),
    max_skipped_in_a_row=5,
  )
  rng = np.random.RandomState(0)
  images = jnp.asarray(rng.randint(0, 255, (8, 8, 8, 1)), jnp.uint8)
  batch = Batch((images,), (images[:6],), jnp.array([0, 1, 2, 0, 1, 2]))
  before = jax.device_get(state)
  for _ in range(2):
    state, metrics = step(state, batch, method.plan(0), 0)
  assert np.isfinite(metrics["support"])
  bank = np.asarray(state.method_state["bank"])
  assert (np.abs(bank).sum(axis=1) > 0).all()  # two batches of 8 fill 16 rows
  moved = np.asarray(state.method_state["momentum"]["w"] - before.params["w"])
  online = np.asarray(state.params["w"] - before.params["w"])
  assert 0 < np.abs(moved).sum() < np.abs(online).sum()
