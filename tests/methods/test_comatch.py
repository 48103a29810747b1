"""CoMatch as a method, against a loop of NumPy over three steps."""

import functools

import conformance
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual
from scipy.special import log_softmax, softmax

from suncet_jax.errors import UserError
from suncet_jax.methods.base import Moment, Views
from suncet_jax.methods.comatch import memory
from suncet_jax.methods.comatch.momentum import MomentumCoMatch
from suncet_jax.methods.comatch.step import CoMatch
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.plugins import method_spec
from suncet_jax.train.watch import Watch
from suncet_jax.workdir.checkpoints import Checkpoints

_CLASSES, _SIZE, _LABELLED, _UNLABELLED = 3, 4, 4, 8
_SETTINGS = {
  "class_count": _CLASSES,
  "projection_size": _SIZE,
  "bank_rows": _LABELLED + _UNLABELLED,  # smoothing begins at the third step
  "threshold": 0.6,
  "unlabelled_weight": 2.0,
  "graph_weight": 3.0,
  "graph_threshold": 0.4,
  "temperature": 0.2,
  "smoothing": 0.7,
  "align_steps": 2,
}


class _Encode(ViewEncoder):
  """Takes the columns of a view for logits and projection."""

  def __call__(self, params, batch_stats, views):
    outputs = [
      {
        "logits": params * view[:, :_CLASSES],
        "projection": view[:, _CLASSES:] * jnp.sign(params) + params,
      }
      for view in views
    ]
    return outputs, batch_stats + 1


def _steps():
  """Returns (labelled, labels, weak, strong, third) of three steps."""
  rng = np.random.default_rng(3)

  def view(rows):
    return rng.normal(size=(rows, _CLASSES + _SIZE))

  return [
    (
      view(_LABELLED),
      rng.integers(0, _CLASSES, _LABELLED),
      *(view(_UNLABELLED) for _ in range(3)),
    )
    for _ in range(3)
  ]


def _unit(rows):
  return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _split(view, params):
  return params * view[:, :_CLASSES], _unit(
    view[:, _CLASSES:] * np.sign(params) + params
  )


def _graph(first, keys, labels, key_labels):
  """Returns the third loss; key i is the other view of row i."""
  s, tau = _SETTINGS, _SETTINGS["temperature"]
  each = []
  for i, row in enumerate(first):
    weights = np.array([labels[i] @ other for other in key_labels])
    weights[i] = 1
    weights[weights < s["graph_threshold"]] = 0
    weights /= weights.sum()
    each.append(-weights @ np.log(softmax(keys @ row / tau) + 1e-7))
  return np.mean(each)


def _expected(params, *, has_teacher=False, epochs=(0, 0, 0), ramp=0):
  """Returns the loss of each step, with CoMatch written as a loop."""
  s, values, means = _SETTINGS, [], []
  bank, graph_bank, teacher = [], [], params[0]
  for number, (labelled, y, weak, strong, third) in enumerate(_steps()):
    own = params[number]
    if has_teacher:
      decay = 0.5 if epochs[number] < 1 else 0.9
      teacher = decay * teacher + (1 - decay) * own
    maker = teacher if has_teacher else own
    logits_x, _ = _split(labelled, own)
    _, keys_x = _split(labelled, maker)
    logits_w, keys_w = _split(weak, maker)
    logits_s, rows_s = _split(strong, own)
    _, keys_o = _split(third, maker)
    p = softmax(logits_w, axis=1)
    means = [p.mean(axis=0), *means][: s["align_steps"]]
    p = p / np.mean(means, axis=0)
    p /= p.sum(axis=1, keepdims=True)
    aligned = p
    if number == 2 and (not has_teacher or epochs[number] >= 1):
      similar = softmax(keys_w @ np.array([r for r, _ in bank]).T / 0.2, axis=1)
      p = 0.7 * p + 0.3 * similar @ np.array([q for _, q in bank])
    is_sure = p.max(axis=1) >= s["threshold"]
    assert 0 < is_sure.mean() < 1
    supervised = -log_softmax(logits_x, axis=1)[range(_LABELLED), y].mean()
    consistency = np.mean(
      is_sure * -(p * log_softmax(logits_s, axis=1)).sum(axis=1)
    )
    stored = graph_bank if has_teacher else []
    keys = [*keys_o, *(r for r, _ in stored)]
    key_labels = [*p, *(q for _, q in stored)]
    graph = _graph(rows_s, np.array(keys), p, key_labels)
    weight = s["graph_weight"]
    if ramp:
      weight = min(ramp * (int(epochs[number]) + 1), weight)
    values.append(supervised + 2 * consistency + weight * graph)
    truth = np.eye(_CLASSES)[y]
    new = [*zip(keys_w, aligned, strict=True), *zip(keys_x, truth, strict=True)]
    bank = [*new, *bank][: s["bank_rows"]]
    graph_bank = [*zip(keys_o, p, strict=True), *graph_bank][: s["bank_rows"]]
  return values


def _losses(method, params, devices=1, epochs=(0.0, 0.0, 0.0)):
  """Returns the loss of each step, and the state at the end."""
  encode = _Encode(None, virtual.mesh(devices))

  @jax.jit
  def step(own, state, views, moment):
    value, output = method.loss(
      own, jnp.zeros(()), state, views, encode, moment
    )
    return value, method.update(own, state, output.aux, moment)[1]

  _, state = method.init(jnp.asarray(params[0]), jnp.zeros(()))
  values = []
  for number, (labelled, y, *unlabelled) in enumerate(_steps()):
    views = Views(
      tuple(map(jnp.asarray, unlabelled)), (jnp.asarray(labelled),), y
    )
    moment = Moment(
      jnp.int32(number), jnp.float32(epochs[number]), jax.random.key(0)
    )
    value, state = step(jnp.asarray(params[number]), state, views, moment)
    values.append(float(value))
  return values, state


_PARAMS = (2.0, 2.5, 1.5)


@pytest.mark.parametrize("devices", [1, 2])
def test_three_steps_are_those_of_the_paper(devices, x64):
  values, state = _losses(CoMatch(**_SETTINGS), _PARAMS, devices)
  np.testing.assert_allclose(values, _expected(_PARAMS), rtol=1e-9)
  assert int(state["bank"].pushed) == _SETTINGS["bank_rows"] + 1
  np.testing.assert_allclose(jnp.linalg.norm(state["bank"].rows, axis=1), 1)


@pytest.mark.parametrize("devices", [1, 2])
def test_three_steps_with_a_momentum_encoder(devices, x64):
  epochs = (0.0, 0.5, 1.0)
  method = MomentumCoMatch(
    **_SETTINGS,
    graph_weight_per_epoch=1.0,
    momentum=0.9,
    first_momentum=0.5,
  )
  values, state = _losses(method, _PARAMS, devices, epochs)
  expected = _expected(_PARAMS, has_teacher=True, epochs=epochs, ramp=1)
  np.testing.assert_allclose(values, expected, rtol=1e-9)
  # Its statistics are its own: they went through one pass a step.
  assert float(state["teacher_stats"]) == 3


def test_labels_are_constants_and_both_strong_views_are_not(x64):
  labelled, y, *unlabelled = _steps()[0]
  method = CoMatch(**_SETTINGS)
  _, state = method.init(jnp.asarray(2.0), jnp.zeros(()))

  def value(scales):
    views = [
      s * jnp.asarray(v) for s, v in zip(scales, unlabelled, strict=True)
    ]
    encode = _Encode(None, virtual.mesh(1))
    moment = Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0))
    views = Views(tuple(views), (jnp.asarray(labelled),), y)
    return method.loss(
      jnp.asarray(2.0), jnp.zeros(()), state, views, encode, moment
    )[0]

  of_weak, of_strong, of_third = jax.jit(jax.grad(value))([1.0, 1.0, 1.0])
  assert of_weak == 0
  assert of_strong != 0
  assert of_third != 0


def test_rows_of_a_bank_that_are_not_filled_have_no_weight(x64):
  rng = np.random.default_rng(0)
  rows = _unit(rng.normal(size=(6, _SIZE)))
  labels = rng.dirichlet(np.ones(_CLASSES), 2)
  bank = memory.empty_bank(5, _SIZE, _CLASSES)
  bank = memory.push(bank, jnp.asarray(rows[:2]), jnp.asarray(labels))
  found = memory.neighbours(jnp.asarray(rows), bank, 0.2)
  expected = softmax(rows @ rows[:2].T / 0.2, axis=1) @ labels
  np.testing.assert_allclose(found, expected)


def test_neighbours_are_the_same_in_blocks(x64, monkeypatch):
  rng = np.random.default_rng(0)
  rows = jnp.asarray(_unit(rng.normal(size=(12, _SIZE))))
  labels = jnp.asarray(rng.dirichlet(np.ones(_CLASSES), 12))
  bank = memory.push(memory.empty_bank(12, _SIZE, _CLASSES), rows, labels)
  whole = memory.neighbours(rows, bank, 0.2)
  monkeypatch.setattr(memory, "_AT_ONCE", 40)
  np.testing.assert_allclose(memory.neighbours(rows, bank, 0.2), whole)


def test_without_graph_and_bank_only_the_predictions_are_left():
  parts = tiny.experiment(
    method="comatch",
    **{
      "method.graph_weight": 0.0,
      "method.smoothing": 1.0,
      "method.align_steps": 0,
    },
  )
  assert parts.batch_spec(0).unlabelled == (
    parts.views["weak"],
    parts.views["strong"],
  )
  state = parts.initial_state()
  assert state.method_state == {}
  assert set(state.params) == {"backbone", "logits"}


def test_a_bank_beyond_all_memory_is_refused():
  with pytest.raises(
    UserError, match=r"bank_rows is 100000000: banks of .* GB"
  ):
    tiny.experiment(method="comatch", **{"method.bank_rows": 10**8})


def test_a_bank_that_no_labelled_row_would_enter_is_refused():
  # 16 unlabelled rows of a step, and 2 of each of 4 classes.
  tiny.experiment(method="comatch", **{"method.bank_rows": 24})
  with pytest.raises(UserError, match="bank_rows is 23, less than the 24 rows"):
    tiny.experiment(method="comatch", **{"method.bank_rows": 23})


def test_predictions_of_one_class_are_named(caplog):
  labelled, y, weak, *others = _steps()[0]
  weak = np.tile([90.0, 0, 0, 1, 1, 1, 1], (len(weak), 1))
  method = CoMatch(**_SETTINGS)
  _, state = method.init(jnp.asarray(1.0), jnp.zeros(()))
  moment = Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0))
  views = Views((weak, *others), (labelled,), y)
  encode = _Encode(None, virtual.mesh(1))
  _, output = jax.jit(
    lambda params: method.loss(
      params, jnp.zeros(()), state, views, encode, moment
    )
  )(jnp.asarray(1.0))
  config, _ = tiny.settings(method="comatch")
  watch = Watch(method_spec("comatch").symptoms(config, _CLASSES), 10)
  for step in range(1, 4):
    watch.see(step, jax.device_get(output.metrics))
  assert "predicted to be of one class" in caplog.text


def _run(parts, state, steps):
  step, spec = parts.step_fn(), parts.batch_spec(0)
  for batch in parts.stream.batches(steps, spec.unlabelled, spec.labelled):
    state, metrics = step(state, batch, spec, 0)
    assert all(np.isfinite(value) for value in metrics.values())
  return state


@pytest.mark.slow
def test_a_momentum_encoder_and_its_banks_survive_a_kill(tmp_path):
  made = tiny.experiment(
    method="comatch",
    precision="bfloat16",
    **{
      "method.momentum_encoder": True,
      "method.bank_rows": 40,
      "data.labelled.images_per_class": 4,
      "train.micro_batches": 2,
      "train.ema_decay": 0.9,
    },
  )
  parts = conformance.on_devices(made, 1)
  whole = jax.device_get(_run(parts, parts.initial_state(), range(4)))
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(2, _run(parts, parts.initial_state(), range(2)), {})
    checkpoints.wait()
    restored, _ = checkpoints.restore(parts.state_template())
  went_on = jax.device_get(_run(parts, restored, range(2, 4)))
  assert int(went_on.skipped) == 0
  assert int(went_on.method_state["graph_bank"].pushed) == 41
  jax.tree.map(np.testing.assert_array_equal, went_on, whole)


class _Perceptron:
  """An encoder without batch norm: rows do not depend on one another."""

  heads, over_all_views = ("logits", "projection"), ()

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del train, key
    return jnp.tanh(images @ params["in"]), batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    heads = {n: outputs["features"] @ params[n] for n in self.heads}
    return {**outputs, **heads}, batch_stats


def test_micro_batches_change_nothing(x64):
  rng = np.random.default_rng(1)
  width = _CLASSES + _SIZE
  params = {
    "backbone": {"in": rng.normal(size=(width, 5))},
    "logits": rng.normal(size=(5, _CLASSES)),
    "projection": rng.normal(size=(5, _SIZE)),
  }
  labelled, y, *unlabelled = _steps()[0]
  views = Views(
    tuple(map(jnp.asarray, unlabelled)), (jnp.asarray(labelled),), y
  )
  method = CoMatch(**_SETTINGS)
  _, state = method.init(params, {})
  moment = Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0))

  def loss(params, parts):
    encode = ViewEncoder(_Perceptron(), virtual.mesh(1), micro_batches=parts)
    stats = {"backbone": {}}
    return method.loss(params, stats, state, views, encode, moment)[0]

  @functools.partial(jax.jit, static_argnums=1)
  def loss_and_gradient(params, parts):
    return jax.value_and_grad(loss)(params, parts)

  whole, gradient = loss_and_gradient(params, 1)
  in_parts, other = loss_and_gradient(params, 2)
  np.testing.assert_allclose(in_parts, whole)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), other, gradient
  )
