"""SwAV as a method: prototypes, queue, frozen start, and its collapse."""

import logging
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import swav_toys as toys
import tiny
import torch
import virtual

from suncet_jax import optim
from suncet_jax.config import ConfigError, base, validate
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.swav.method import SwAV
from suncet_jax.plugins import method_module, method_spec
from suncet_jax.train.watch import Watch

_RATE, _BATCH = 0.3, 8


def _unit(array, dim):
  return array / array.norm(dim=dim, keepdim=True)


def _assignments(scores, queue_scores, epsilon):
  """The published form: a matrix scaled by rows and columns in turns."""
  q = torch.exp(torch.cat([queue_scores, scores]) / epsilon).T
  q = q / q.sum()
  for _ in range(3):
    q = q / q.sum(dim=1, keepdim=True) / q.shape[0]
    q = q / q.sum(dim=0, keepdim=True) / q.shape[1]
  return (q * q.shape[1]).T[-len(scores) :].detach()


def _in_torch(steps, *, frozen, with_queue, queue_batches, epsilon):
  """Trains by the equations of the paper; yields what each step leaves."""
  drawn = jax.tree.map(np.array, toys.parameters())
  weights = {
    name: torch.tensor(drawn[name], requires_grad=True)
    for name in ("backbone", "head", "bias")
  }
  prototypes = _unit(torch.tensor(drawn["prototypes"]["dense1"]["kernel"]), 0)
  queue = [torch.zeros(0, toys.SIZE, dtype=torch.float64)] * 2
  for step in range(steps):
    prototypes = prototypes.detach().requires_grad_()
    unlabelled, _, _ = toys.images(step)
    rows = []
    for view in map(torch.tensor, unlabelled):
      features = view.mean(dim=(1, 2)) @ weights["backbone"]
      rows.append(_unit(features @ weights["head"] + weights["bias"], 1))
    scores = [row @ prototypes for row in rows]
    loss = 0.0
    for assigned in range(2):
      earlier = queue[assigned] if step in with_queue else queue[assigned][:0]
      targets = _assignments(scores[assigned], earlier @ prototypes, epsilon)
      for view, logits in enumerate(scores):
        if view != assigned:
          logs = torch.log_softmax(logits / 0.1, dim=1)
          loss = loss - (targets * logs).sum(dim=1).mean() / (len(rows) - 1) / 2
    loss.backward()
    with torch.no_grad():
      for weight in weights.values():
        weight -= _RATE * weight.grad
        weight.grad = None
      if step >= frozen:
        prototypes = _unit(prototypes - _RATE * prototypes.grad, 0)
      for view in range(2):  # after the scores, the newest first
        kept = torch.cat([rows[view].detach(), queue[view]])
        queue[view] = kept[: queue_batches * _BATCH]
    leaves = {name: w.detach().numpy().copy() for name, w in weights.items()}
    yield loss.item(), leaves, prototypes.detach().numpy(), queue


@pytest.mark.parametrize(
  ("devices", "options", "frozen", "with_queue"),
  [
    # Full after two steps; an epoch has two.
    (1, {"queue": 16, "queue_start_epoch": 0}, 1, {2, 3, 4}),
    (2, {"queue": 16, "queue_start_epoch": 2}, 2, {4}),
    (4, {"queue": 16, "queue_start_epoch": 0}, 0, {2, 3, 4}),
    (4, {"queue": 0}, 1, set()),
  ],
)
def test_steps_are_those_of_the_paper(
  devices, options, frozen, with_queue, x64
):
  method = SwAV(epsilon=0.3, frozen_epochs=frozen / 2, **options)
  mesh = virtual.mesh(devices)
  step = toys.stepper(
    method, ViewEncoder(toys.Linear(), mesh), optax.sgd(_RATE)
  )
  params, own = method.init(toys.parameters(), toys.STATISTICS)
  opt = optax.sgd(_RATE).init(params)
  expected = _in_torch(
    5, frozen=frozen, with_queue=with_queue, queue_batches=2, epsilon=0.3
  )
  for number, (loss, weights, prototypes, queue) in enumerate(expected):
    views = toys.views(toys.images(number), mesh)
    params, own, opt, value, metrics = step(
      params, own, opt, views, toys.moment(number)
    )
    np.testing.assert_allclose(value, loss, rtol=1e-9)
    assert metrics["swav"] == value
    for name, weight in weights.items():
      np.testing.assert_allclose(params[name], weight, rtol=1e-8, atol=1e-10)
    ours = params["prototypes"]["dense1"]["kernel"]
    np.testing.assert_allclose(ours, prototypes, rtol=1e-8, atol=1e-10)
    if options["queue"]:
      filled = int(own["filled"])
      assert filled == min(16, (number + 1) * _BATCH)
      for view in range(2):
        np.testing.assert_allclose(
          own["rows"][view, :filled], queue[view], rtol=1e-8, atol=1e-10
        )
    else:
      assert own == ()


@pytest.mark.parametrize("name", ["sgd", "larc", "lars"])
def test_frozen_prototypes_keep_their_bits_then_move(name):
  config = base("swav")
  config.optim.update(name=name, peak_lr=1.0, weight_decay=0.1)
  optimizer, _ = optim.make_optimizer(config, 2)
  method, mesh = SwAV(frozen_epochs=1.5), virtual.mesh(1)
  step = toys.stepper(method, ViewEncoder(toys.Linear(), mesh), optimizer)
  params, own = method.init(toys.parameters(), toys.STATISTICS)
  opt = optimizer.init(params)
  seen = [np.array(params["prototypes"]["dense1"]["kernel"])]
  for number in range(5):
    views = toys.views(toys.images(number), mesh)
    params, own, opt, *_ = step(params, own, opt, views, toys.moment(number))
    seen.append(np.array(params["prototypes"]["dense1"]["kernel"]))
    np.testing.assert_allclose(np.linalg.norm(seen[-1], axis=0), 1, rtol=1e-6)
  for number in range(3):  # 1.5 epochs
    assert seen[number + 1].tobytes() == seen[0].tobytes()
  for number in (3, 4):
    assert np.abs(seen[number + 1] - seen[number]).max() > 1e-4


def test_micro_batches_give_the_same_loss_and_gradient(x64):
  method, mesh = SwAV(frozen_epochs=0.0), virtual.mesh(1)
  params, own = method.init(toys.parameters(), toys.STATISTICS)
  views = toys.views(toys.images(0), mesh)

  def differentiated(parts):
    encode = ViewEncoder(toys.Linear(), mesh, micro_batches=parts)
    return jax.value_and_grad(method.loss, has_aux=True)(
      params, toys.STATISTICS, own, views, encode, toys.moment(0)
    )

  (whole, _), gradient = differentiated(1)
  (parts, _), of_parts = differentiated(2)
  np.testing.assert_allclose(parts, whole, rtol=1e-12)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
    of_parts,
    gradient,
  )
  moved = gradient["prototypes"]["dense1"]["kernel"]
  assert np.abs(moved).max() > 1e-3


def _clusters(seed):
  """Two views of 32 images of four kinds."""
  rng = np.random.default_rng(seed)
  kinds = 3 * np.eye(toys.CHANNELS)[np.arange(32) % 4]
  noise = rng.normal(size=(2, 32, 2, 2, toys.CHANNELS))
  return list(kinds[:, None, None] + noise), [], None


def _trained(make, rate, zero=False, steps=60):
  """Returns the metrics of all steps, and the number of prototypes."""
  method, mesh, count = SwAV(frozen_epochs=1.0), virtual.mesh(1), 8
  optimizer = optax.sgd(rate)
  step = toys.stepper(method, ViewEncoder(toys.Linear(), mesh), optimizer)
  drawn = toys.parameters(count)
  if zero:  # whatever the image is, the projection is the bias
    drawn["head"] = jnp.zeros_like(drawn["head"])
  params, own = method.init(drawn, toys.STATISTICS)
  opt = optimizer.init(params)
  logged = []
  for number in range(steps):
    views = toys.views(make(number), mesh)
    params, own, opt, _, metrics = step(
      params, own, opt, views, toys.moment(number)
    )
    logged.append({name: float(value) for name, value in metrics.items()})
  return logged, count


def _warnings(logged, count, caplog):
  config = base("swav")
  config.method.prototypes = count
  watch = Watch(method_spec("swav").symptoms(config, 10), len(logged))
  with caplog.at_level(logging.WARNING):
    for number, values in enumerate(logged):
      watch.see(number + 1, values)
  return [record.getMessage() for record in caplog.records]


def test_the_loss_falls_below_chance_where_there_is_structure(caplog):
  logged, count = _trained(_clusters, rate=0.3)
  last = logged[-1]
  assert last["swav"] < 0.8 * math.log(count)
  assert last["assignment_entropy"] < last["swav"]
  assert last["mean_assignment_entropy"] > 0.85 * math.log(count)
  assert last["prototypes_used"] >= 0.5
  assert _warnings(logged, count, caplog) == []


def test_a_collapse_is_at_chance_and_is_named(caplog):
  def black(number):
    del number
    return [np.zeros((32, 2, 2, toys.CHANNELS))] * 2, [], None

  logged, count = _trained(black, rate=0.02, zero=True)
  chance = math.log(count)
  assert logged[-1]["swav"] == pytest.approx(chance, rel=0.01)
  assert logged[-1]["assignment_entropy"] == pytest.approx(chance, rel=1e-4)
  (warning,) = _warnings(logged, count, caplog)
  assert f"ln K = {chance:.3f}" in warning
  assert "may have collapsed" in warning


@pytest.mark.slow
def test_a_run_in_bfloat16_with_small_views_queue_and_average():
  parts = tiny.experiment(
    method="swav",
    precision="bfloat16",
    **{
      "method.prototypes": 12,
      "method.queue": 32,
      "method.queue_start_epoch": 0,
      "method.frozen_epochs": 0.0,
      "multicrop.views": 2,
      "multicrop.size": 6,
      "train.ema_decay": 0.9,
      "model.head.batch_norm": True,
    },
  )
  assert parts.method == SwAV(queue=32, queue_start_epoch=0, frozen_epochs=0.0)
  state, step = parts.initial_state(), parts.step_fn()
  assert set(state.params) == {"backbone", "head", "prototypes"}
  assert set(state.params["prototypes"]["dense1"]) == {"kernel"}
  spec = parts.batch_spec(0)
  for batch in parts.stream.batches(range(3), spec.unlabelled, ()):
    state, metrics = step(state, batch, spec, 0)
    assert all(np.isfinite(value) for value in metrics.values())
  assert int(state.skipped) == 0
  assert int(state.method_state["filled"]) == 32
  kernel = state.params["prototypes"]["dense1"]["kernel"]
  assert kernel.shape == (128, 12)
  np.testing.assert_allclose(np.linalg.norm(kernel, axis=0), 1, rtol=1e-5)
  outputs, _ = parts.model.apply(
    *state.encoder, jnp.zeros((2, 8, 8, 1)), train=False
  )
  assert all(np.isfinite(value).all() for value in outputs.values())


def test_heads_are_those_of_the_paper():
  config = base("swav")
  heads = method_spec("swav").heads(config, 10)
  projection, prototypes = heads["projection"], heads["prototypes"]
  assert projection.over_all_views
  assert prototypes.of == "projection"
  assert prototypes.unit_inputs
  assert not prototypes.use_bias
  assert prototypes.out == 3000


def test_a_queue_of_parts_of_batches_is_refused():
  config = base("swav")
  config.data.batch_size = 64
  config.data.labelled.per_class = 5
  config.evals.every_epochs = 0.0
  config.method.queue = 192
  validate(config)
  config.method.queue = 200
  with pytest.raises(ConfigError, match=r"queue is 200.* multiple of.*as 192"):
    validate(config)


@pytest.mark.parametrize(
  ("batch", "queue"), [(256, 3840), (100, 3800), (999, 2997), (1024, 0)]
)
def test_own_images_have_a_queue_of_whole_batches(batch, queue):
  config = base("swav")
  config.data.batch_size = batch
  method_module("swav", "recipes").folder(config)
  assert config.method.queue == queue
