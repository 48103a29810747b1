"""Losses of the methods, and that the protocol carries what comes next."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import virtual

from suncet_jax import losses
from suncet_jax.config import base
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.stream import Batch
from suncet_jax.methods.base import (
  BatchSpec,
  Method,
  StepOutput,
  Views,
  build,
)
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.suncet.method import SuNCEt
from suncet_jax.plugins import Groups, method_names, method_spec
from suncet_jax.train.state import init_state
from suncet_jax.train.step import make_step

_LARGE = View(
  Augmentation(size=8, crop_scale=(0.5, 1.0), jitter_prob=0.0, blur_prob=0.0)
)
_SMALL = View(dataclasses.replace(_LARGE.augmentation, size=4))


@dataclasses.dataclass(frozen=True)
class _Toy:
  """A linear encoder with a running mean, in the place of a `Model`."""

  heads = ("projection", "prototypes")
  over_all_views = ()

  def init(self, key, image_shape):
    size = int(np.prod(image_shape))
    params = {"backbone": jax.random.normal(key, (size, 6)) / 8}
    return params | {"prototypes": jnp.ones((6, 3))}, {
      "backbone": jnp.zeros(6),
    }

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del key
    # Any size: small views are repeated up to the size of the weights.
    flat = images.reshape(images.shape[0], -1)
    flat = jnp.tile(flat, (1, params.shape[0] // flat.shape[1]))
    z = (flat - 0.5) @ params
    moved = 0.9 * batch_stats + 0.1 * z.mean(0)
    return z, moved if train else batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    z = outputs["features"]
    made = {**outputs, "projection": z, "prototypes": z @ params["prototypes"]}
    return made, batch_stats


def _views(labelled=1):
  rng = np.random.RandomState(0)
  images = [
    jnp.asarray(rng.rand(6, 8, 8, 1), jnp.float32) for _ in range(2 + labelled)
  ]
  labels = jnp.array([0, 1, 2, 0, 1, 2])
  return Views(tuple(images[:2]), tuple(images[2:]), labels)


def _loss(method, views):
  params, stats = _Toy().init(jax.random.key(0), (8, 8, 1))
  encode = ViewEncoder(_Toy(), virtual.mesh(1))
  return method.loss(params, stats, (), views, encode, None)


def _projection(view):
  params, stats = _Toy().init(jax.random.key(0), (8, 8, 1))
  z, _ = _Toy().apply_backbone(
    params["backbone"], stats["backbone"], view, train=True, key=None
  )
  return z


def test_every_method_that_comes_with_the_package_is_found_and_built():
  assert {"simclr", "suncet", "supervised"} <= set(method_names())
  for name in method_names():
    assert isinstance(build(base(name), 10), Method)


def test_simclr_is_ntxent_of_the_two_views():
  views = _views()
  value, output = _loss(SimCLR(temperature=0.3), views)
  first, second = map(_projection, views.unlabelled)
  expected = losses.ntxent(first, second, temperature=0.3)
  np.testing.assert_allclose(value, expected, rtol=1e-6)
  np.testing.assert_allclose(output.metrics["ntxent"], expected, rtol=1e-6)


@pytest.mark.parametrize("labelled", [1, 2])
def test_suncet_adds_the_weighted_supervised_loss(labelled):
  views = _views(labelled)
  value, output = _loss(SuNCEt(SimCLR(), weight=0.5), views)
  rows = jnp.concatenate([_projection(view) for view in views.labelled])
  expected = losses.suncet(rows, jnp.tile(views.labels, labelled))
  np.testing.assert_allclose(output.metrics["suncet"], expected, rtol=1e-5)
  np.testing.assert_allclose(
    value, output.metrics["ntxent"] + 0.5 * expected, rtol=1e-5
  )


def test_after_the_switch_off_suncet_is_simclr():
  spec, config = method_spec("suncet"), base("suncet")
  config.method.supervised_epochs = 3
  config.data.labelled.views = 2
  groups = [spec.groups(config, epoch) for epoch in range(6)]
  assert [len(group.labelled) for group in groups] == [2, 2, 2, 0, 0, 0]
  assert groups[3] == method_spec("simclr").groups(config, 3)
  assert len(set(groups)) == 2  # so the step is compiled twice, no more
  views = Views(_views().unlabelled, (), None)
  np.testing.assert_array_equal(
    _loss(SuNCEt(SimCLR()), views)[0], _loss(SimCLR(), views)[0]
  )


def test_without_a_switch_off_labels_stay():
  spec, config = method_spec("suncet"), base("suncet")
  groups = {spec.groups(config, epoch) for epoch in range(1000)}
  assert groups == {Groups(("view", "view"), ("view",))}


@dataclasses.dataclass(frozen=True)
class _MomentumBank(Method):
  """A stand-in for what SwAV, PAWS and CoMatch need.

  Several crop sizes, labelled support, a momentum encoder in evaluation mode, a
  memory bank, a constraint on parameters, a ramp by the epoch, random numbers.
  """

  def init(self, params: Any, batch_stats: Any) -> Any:
    del batch_stats
    copy = jax.tree.map(jnp.copy, params)
    state = {"momentum": copy, "bank": jnp.zeros((16, 6))}
    return _with_unit_columns(params), state

  def loss(self, params, batch_stats, method_state, views, encode, moment):
    outputs, new_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    targets, old_stats = encode(
      method_state["momentum"], batch_stats, views.unlabelled[:1], train=False
    )
    target = jax.lax.stop_gradient(targets[0]["projection"])
    support = losses.suncet(outputs[3]["projection"], views.labels)
    small = losses.ntxent(outputs[2]["projection"], target)
    spread = jnp.mean((outputs[1]["projection"] @ method_state["bank"].T) ** 2)
    scores = jnp.mean(outputs[0]["prototypes"] ** 2)
    value = support + small + spread + moment.epoch * scores
    metrics = {
      "support": support,
      "epoch": moment.epoch,
      "noise": jax.random.normal(moment.key),
      "teacher_statistics": jnp.abs(old_stats["backbone"]).sum(),
    }
    return value, StepOutput(new_stats, metrics, target)

  def update(self, params, method_state, aux, moment):
    del moment
    bank = jnp.concatenate([aux, method_state["bank"]])[:16]
    momentum = optax.incremental_update(params, method_state["momentum"], 0.1)
    return _with_unit_columns(params), {"momentum": momentum, "bank": bank}


def _with_unit_columns(params):
  kernel = params["prototypes"]
  return {**params, "prototypes": kernel / jnp.linalg.norm(kernel, axis=0)}


@pytest.fixture(scope="module")
def two_steps():
  """Two steps of the stand-in: the states before and after, and metrics."""
  method, toy = _MomentumBank(), _Toy()
  optimizer, mesh = optax.sgd(0.1), virtual.mesh(1)
  state = init_state(jax.random.key(0), toy, method, optimizer, (8, 8, 1))
  step = make_step(
    method,
    ViewEncoder(toy, mesh),
    optimizer,
    lambda _: 0.1,
    mesh,
    max_skipped_in_a_row=5,
    steps_per_epoch=4,
  )
  rng = np.random.RandomState(0)
  images = jnp.asarray(rng.randint(0, 255, (8, 8, 8, 1)), jnp.uint8)
  batch = Batch((images,), (images[:6],), jnp.array([0, 1, 2, 0, 1, 2]))
  spec = BatchSpec((_LARGE, _LARGE, _SMALL), (_LARGE,))
  states, logged = [jax.device_get(state)], []
  for _ in range(2):
    state, metrics = step(state, batch, spec, 0)
    states.append(jax.device_get(state))
    logged.append(jax.device_get(metrics))
  return states, logged


def test_the_protocol_carries_momentum_encoders_banks_and_several_crops(
  two_steps,
):
  (before, _, state), logged = two_steps
  assert np.isfinite(logged[1]["support"])
  bank = np.asarray(state.method_state["bank"])
  assert (np.abs(bank).sum(axis=1) > 0).all()  # two batches of 8 fill 16 rows
  moved = state.method_state["momentum"]["backbone"] - before.params["backbone"]
  online = state.params["backbone"] - before.params["backbone"]
  assert 0 < np.abs(moved).sum() < np.abs(online).sum()


def test_a_method_may_constrain_parameters_at_the_start_and_after_each_step(
  two_steps,
):
  states, _ = two_steps
  for state in states:
    norms = np.linalg.norm(state.params["prototypes"], axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)
  changed = states[2].params["prototypes"] - states[0].params["prototypes"]
  assert np.abs(changed).max() > 0


def test_a_loss_knows_when_it_is_and_has_random_numbers_of_its_own(two_steps):
  _, logged = two_steps
  assert [m["epoch"] for m in logged] == [0.0, 0.25]
  assert logged[0]["noise"] != logged[1]["noise"]


def test_a_teacher_in_evaluation_mode_leaves_the_statistics(two_steps):
  states, logged = two_steps
  assert logged[0]["teacher_statistics"] == 0
  running = np.abs(states[1].batch_stats["backbone"]).sum()
  np.testing.assert_allclose(
    logged[1]["teacher_statistics"], running, rtol=1e-6
  )
