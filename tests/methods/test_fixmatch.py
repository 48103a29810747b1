"""FixMatch as a method: labels, and confident predictions in their place."""

import logging

import conformance
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.fixmatch.method import FixMatch
from suncet_jax.plugins import method_spec
from suncet_jax.train.watch import Watch


class _Encode(ViewEncoder):
  """Takes views for logits."""

  def __call__(self, params, batch_stats, views):
    return [{"logits": params * view} for view in views], "new statistics"


def _rows():
  rng = np.random.default_rng(0)
  draw = lambda n: rng.normal(size=(n, 3))  # noqa: E731
  return draw(4), draw(8), draw(8), np.array([0, 2, 1, 2])


def _loss(method, params=2.0, devices=1):
  labelled, weak, strong, labels = _rows()
  return method.loss(
    jnp.asarray(params),
    None,
    (),
    Views(
      (jnp.asarray(weak), jnp.asarray(strong)),
      (jnp.asarray(labelled),),
      jnp.asarray(labels),
    ),
    _Encode(None, virtual.mesh(devices)),
    None,
  )


def _expected(threshold, weight, params=2.0):
  labelled, weak, strong, labels = (
    a if a.dtype == int else params * a for a in _rows()
  )

  def logs(rows):
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))

  cross_entropy = -logs(labelled)[range(4), labels].mean()
  each = [
    -own[guess.argmax()] if np.exp(guess.max()) >= threshold else 0
    for guess, own in zip(logs(weak), logs(strong), strict=True)
  ]
  is_sure = np.exp(logs(weak).max(axis=1)) >= threshold
  assert 0 < is_sure.mean() < 1
  return cross_entropy, np.mean(each), is_sure.mean(), weight


@pytest.mark.parametrize("devices", [1, 2])
def test_the_loss_is_the_one_of_the_paper(devices, x64):
  value, output = _loss(FixMatch(0.8, 0.5), devices=devices)
  cross_entropy, unlabelled, share, weight = _expected(0.8, 0.5)
  np.testing.assert_allclose(value, cross_entropy + weight * unlabelled)
  logged = output.metrics
  np.testing.assert_allclose(logged["cross_entropy"], cross_entropy)
  np.testing.assert_allclose(logged["fixmatch"], unlabelled)
  np.testing.assert_allclose(logged["confident"], share)
  assert output.batch_stats == "new statistics"


def test_pseudo_labels_are_constants(x64):
  labelled, weak, strong, labels = _rows()

  def value(factor):
    views = Views(
      (jnp.asarray(factor * weak), jnp.asarray(strong)),
      (jnp.asarray(labelled),),
      jnp.asarray(labels),
    )
    encode = _Encode(None, virtual.mesh(1))
    return FixMatch(0.8).loss(jnp.asarray(2.0), None, (), views, encode, None)[
      0
    ]

  assert jax.grad(value)(1.0) == 0


def test_it_sees_both_views_of_the_pool_and_weak_labelled_ones():
  parts = tiny.experiment(method="fixmatch", **{"data.labelled.views": 2})
  spec = parts.batch_spec(0)
  assert spec.unlabelled == (parts.views["weak"], parts.views["strong"])
  assert spec.labelled == (parts.views["weak"],) * 2
  state = parts.initial_state()
  assert set(state.params) == {"backbone", "logits"}
  np.testing.assert_array_equal(state.params["logits"]["dense1"]["bias"], 0)


def test_bfloat16_and_averages_are_finite():
  made = tiny.experiment(
    method="fixmatch", precision="bfloat16", **{"train.ema_decay": 0.9}
  )
  parts = conformance.on_devices(made, 1)
  state, step = parts.initial_state(), parts.step_fn()
  spec = parts.batch_spec(0)
  for batch in parts.stream.batches(range(2), spec.unlabelled, spec.labelled):
    state, metrics = step(state, batch, spec, 0)
  assert int(state.skipped) == 0
  assert all(np.isfinite(value) for value in metrics.values())
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.encoder))


class _Linear:
  """An encoder without batch norm: rows do not depend on one another."""

  heads, over_all_views = ("logits",), ()

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del train, key
    return jnp.tanh(images @ params["in"]), batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    logits = outputs["features"] @ params["out"]
    return {**outputs, "logits": logits}, batch_stats


def test_micro_batches_change_nothing(x64):
  rng = np.random.default_rng(1)
  params = {
    "backbone": {"in": rng.normal(size=(3, 5))},
    "out": rng.normal(size=(5, 4)),
  }
  labelled, weak, strong, labels = map(jnp.asarray, _rows())
  views = Views((weak, strong), (labelled,), labels)

  def loss(params, parts):
    encode = ViewEncoder(_Linear(), virtual.mesh(1), micro_batches=parts)
    stats = {"backbone": {}}
    return FixMatch(0.5).loss(params, stats, (), views, encode, None)[0]

  whole, gradient = jax.value_and_grad(loss)(params, 1)
  in_parts, other = jax.value_and_grad(loss)(params, 2)
  np.testing.assert_allclose(in_parts, whole)
  jax.tree.map(np.testing.assert_allclose, other, gradient)


@pytest.mark.parametrize(
  ("logits", "told"),
  [
    (np.zeros((8, 3)), "No pseudo-label reaches the confidence 0.95"),
    (np.tile([9.0, 0, 0], (8, 1)), "predicted to be of one class"),
    (9 * np.tile(np.eye(3), (3, 1))[:8], ""),
  ],
)
def test_useless_pseudo_labels_are_named(logits, told, caplog):
  labelled, _, strong, labels = _rows()
  weak = jnp.asarray(logits)
  views = Views((weak, strong), (jnp.asarray(labelled),), jnp.asarray(labels))
  _, output = FixMatch().loss(
    jnp.asarray(1.0), None, (), views, _Encode(None, virtual.mesh(1)), None
  )
  config, _ = tiny.settings(method="fixmatch")
  watch = Watch(method_spec("fixmatch").symptoms(config, 3), 10)
  with caplog.at_level(logging.WARNING):
    for step in range(1, 5):
      watch.see(step, jax.device_get(output.metrics))
  assert told in caplog.text
  assert bool(caplog.text) == bool(told)
