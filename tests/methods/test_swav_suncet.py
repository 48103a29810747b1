"""SwAV + SuNCEt as a method: what labelled rows change, and what not."""

import dataclasses

import jax
import numpy as np
import pytest
import swav_toys as toys
import tiny
import virtual

from suncet_jax import losses
from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.swav.method import SwAV
from suncet_jax.methods.swav_suncet.method import SwAVSuNCEt

_SWAV = SwAV(queue=8, queue_start_epoch=0, frozen_epochs=0.0)


def _loss(method, made, devices=1, labelled=True):
  """Returns loss, output and gradient, with a queue that is full."""
  mesh = virtual.mesh(devices)
  views = toys.views(made, mesh)
  if not labelled:
    views = Views(views.unlabelled, (), None)
  params, own = method.init(toys.parameters(), toys.STATISTICS)
  rows = np.random.default_rng(5).normal(size=own["rows"].shape)
  rows /= np.linalg.norm(rows, axis=-1, keepdims=True)
  own = {"rows": rows.astype(own["rows"].dtype), "filled": own["filled"] + 8}
  encode = ViewEncoder(toys.Linear(), mesh)
  (value, output), gradient = jax.jit(
    lambda params, own, views: jax.value_and_grad(method.loss, has_aux=True)(
      params, toys.STATISTICS, own, views, encode, toys.moment(2)
    )
  )(params, own, views)
  return value, output, gradient, params


@pytest.mark.parametrize("devices", [1, 2, 4])
def test_the_loss_is_swav_and_the_weighted_suncet(devices, x64):
  method = SwAVSuNCEt(_SWAV, temperature=0.2, weight=0.5)
  made = toys.images(0, labelled=2)
  value, output, _, params = _loss(method, made, devices)
  alone, expected, _, _ = _loss(_SWAV, made, labelled=False)
  rows = np.concatenate([view.mean(axis=(1, 2)) for view in made[1]])
  projected = rows @ params["backbone"] @ params["head"] + params["bias"]
  suncet = losses.suncet(projected, np.tile(made[2], 2), temperature=0.2)
  np.testing.assert_allclose(value, alone + 0.5 * suncet, rtol=1e-9)
  np.testing.assert_allclose(output.metrics["suncet"], suncet, rtol=1e-9)
  np.testing.assert_allclose(output.metrics["swav"], alone, rtol=1e-9)
  # Neither balanced nor put into the queue.
  assert output.metrics.keys() == {*expected.metrics, "suncet"}
  for name, metric in expected.metrics.items():
    np.testing.assert_allclose(output.metrics[name], metric, rtol=1e-9)
  np.testing.assert_allclose(
    output.aux["newest"], expected.aux["newest"], rtol=1e-9
  )


def test_prototypes_learn_nothing_from_labels(x64):
  method = SwAVSuNCEt(_SWAV)
  made = toys.images(0, labelled=1)
  _, _, gradient, _ = _loss(method, made)
  _, _, alone, _ = _loss(_SWAV, made, labelled=False)
  np.testing.assert_allclose(
    gradient["prototypes"]["dense1"]["kernel"],
    alone["prototypes"]["dense1"]["kernel"],
    rtol=1e-9,
    atol=1e-12,
  )
  assert np.abs(gradient["head"] - alone["head"]).max() > 1e-3


def test_without_labelled_rows_it_is_swav():
  made = toys.images(0, labelled=1)
  method = SwAVSuNCEt(_SWAV, weight=3.0)
  value, output, _, _ = _loss(method, made, labelled=False)
  alone, expected, _, _ = _loss(_SWAV, made, labelled=False)
  assert value == alone
  assert output.metrics.keys() == expected.metrics.keys()


@pytest.mark.slow
def test_labels_are_switched_off_at_their_epoch():
  parts = tiny.experiment(
    method="swav_suncet",
    epochs=2,
    **{
      "method.prototypes": 12,
      "method.queue": 16,
      "method.suncet_temperature": 0.3,
      "method.suncet_weight": 2.0,
      "method.supervised_epochs": 1,
    },
  )
  assert parts.method == SwAVSuNCEt(SwAV(queue=16), 0.3, 2.0)
  assert dataclasses.asdict(parts.method)["swav"]["queue_start_epoch"] == 15
  state, step = parts.initial_state(), parts.step_fn()
  for epoch in range(2):
    spec, start = parts.batch_spec(epoch), epoch * parts.steps_per_epoch
    assert len(spec.labelled) == 1 - epoch
    batch = next(
      parts.stream.batches(
        range(start, start + 1), spec.unlabelled, spec.labelled
      )
    )
    state, metrics = step(state, batch, spec, 0)
    assert ("suncet" in metrics) == (epoch == 0)
    assert np.isfinite(metrics["swav"])
  assert int(state.skipped) == 0
