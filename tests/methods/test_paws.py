"""PAWS as a method: supports, targets of other views, the signs of collapse."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import torch
import virtual
from torch.nn.functional import normalize, softmax

from suncet_jax.config import ConfigError, base, validate
from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.paws.method import PAWS, build
from suncet_jax.methods.paws.spec import SPEC
from suncet_jax.train.watch import Watch

_CLASSES, _IMAGES, _PER_CLASS = 3, 8, 4
_PARTS = ("trunk", "projection", "prediction")


class _Linear:
  """A model of linear maps without norms; small views have sizes of theirs."""

  heads, over_all_views = ("projection", "prediction"), ()

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del train, key
    trunk = params["trunk"][: images.shape[1]]
    return jnp.tanh(images @ trunk), batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    projection = outputs["features"] @ params["projection"]
    made = {
      "projection": projection,
      "prediction": projection @ params["prediction"],
    }
    return {**outputs, **made}, batch_stats


def _params():
  rng = np.random.default_rng(0)
  shapes = ((6, 7), (7, 5), (5, 5))
  drawn = (rng.normal(size=shape) for shape in shapes)
  named = dict(zip(_PARTS, drawn, strict=True))
  return {"backbone": {"trunk": named["trunk"]}, **named}


def _views(small, supports):
  """Returns arrays of views and labels, interleaved by class."""
  rng = np.random.default_rng(1)
  rows = _CLASSES * _PER_CLASS
  unlabelled = [rng.normal(size=(_IMAGES, 6)) for _ in range(2)]
  unlabelled += [rng.normal(size=(_IMAGES, 4)) for _ in range(small)]
  labelled = [rng.normal(size=(rows, 6)) for _ in range(supports)]
  # Of 5 classes; two are absent from the step.
  labels = np.tile([4, 0, 2], _PER_CLASS).astype(np.int32)
  return unlabelled, labelled, labels


def _ours(method, views, *, devices=1, micro_batches=1, params=None):
  unlabelled, labelled, labels = views
  encode = ViewEncoder(
    _Linear(), virtual.mesh(devices), micro_batches=micro_batches
  )
  given = Views(
    tuple(map(jnp.asarray, unlabelled)),
    tuple(map(jnp.asarray, labelled)),
    jnp.asarray(labels),
  )

  @jax.jit
  def step(params):
    return jax.value_and_grad(
      lambda p: method.loss(
        {**p, "backbone": {"trunk": p["trunk"]}},
        {"backbone": {}},
        (),
        given,
        encode,
        None,
      ),
      has_aux=True,
    )(params)

  params = params or _params()
  (value, output), gradient = step({name: params[name] for name in _PARTS})
  return value, output.metrics, gradient


def _expected(method, views):
  """Returns loss and gradient by the formulas of the paper, one by one."""
  unlabelled, labelled, labels = views
  params = {
    name: torch.tensor(_params()[name], requires_grad=True) for name in _PARTS
  }

  def outputs(images):
    rows = torch.tensor(images)
    trunk = params["trunk"][: rows.shape[1]]
    h = torch.tanh(rows @ trunk) @ params["projection"]
    return h, h @ params["prediction"] if method.prediction_head else h

  names = labels[:_CLASSES]  # the first rows of a batch name its columns
  same = torch.tensor(labels[:, None] == names[None, :]).double()
  share = method.label_smoothing
  smoothed = (same * (1 - share) + share / _CLASSES).repeat(len(labelled), 1)

  def predict(query, support):
    cosines = normalize(query) @ normalize(support).T
    return softmax(cosines / method.temperature, dim=1) @ smoothed

  def sharpen(p):
    powers = p ** (1 / method.sharpening)
    return powers / powers.sum(dim=1, keepdim=True)

  support_h, support_z = (
    torch.cat(parts) for parts in zip(*map(outputs, labelled), strict=True)
  )
  all_h, all_z = zip(*map(outputs, unlabelled), strict=True)
  with torch.no_grad():
    of_first, of_second = (sharpen(predict(h, support_h)) for h in all_h[:2])
    targets = [of_second, of_first]
    targets += [(of_first + of_second) / 2] * (len(all_h) - 2)
    targets = [torch.where(t < 1e-4, torch.zeros_like(t), t) for t in targets]
  anchors = [predict(z, support_z) for z in all_z]
  consistency = torch.stack(
    [
      -(target * anchor.log()).sum(dim=1).mean()
      for target, anchor in zip(targets, anchors, strict=True)
    ]
  ).mean()
  mean = torch.cat([sharpen(anchor) for anchor in anchors]).mean(dim=0)
  entropy = -(mean * mean.log()).sum()
  loss = consistency - entropy
  loss.backward()
  gradient = {
    name: p.new_zeros(p.shape) if p.grad is None else p.grad
    for name, p in params.items()
  }
  return loss.item(), consistency.item(), entropy.item(), gradient


_PLAIN = PAWS(5, temperature=0.2, sharpening=0.3, label_smoothing=0.15)


@pytest.mark.parametrize(
  ("has_head", "small", "supports", "devices"),
  [(False, 2, 1, 1), (False, 0, 2, 2), (True, 3, 2, 4)],
)
def test_the_step_is_that_of_the_paper(x64, has_head, small, supports, devices):
  method = dataclasses.replace(_PLAIN, prediction_head=has_head)
  views = _views(small, supports)
  loss, consistency, entropy, gradient = _expected(method, views)
  value, metrics, ours = _ours(method, views, devices=devices)
  np.testing.assert_allclose(value, loss, rtol=1e-9)
  np.testing.assert_allclose(
    metrics["paws_consistency"], consistency, rtol=1e-9
  )
  np.testing.assert_allclose(metrics["paws_mean_entropy"], entropy, rtol=1e-9)
  for name in _PARTS:
    np.testing.assert_allclose(
      ours[name], gradient[name], rtol=1e-8, atol=1e-11
    )
  assert np.abs(ours["projection"]).max() > 1e-3


def test_micro_batches_change_neither_loss_nor_gradient(x64):
  method = dataclasses.replace(_PLAIN, prediction_head=True)
  views = _views(2, 1)
  value, _, gradient = _ours(method, views)
  parted, _, other = _ours(method, views, micro_batches=2)
  np.testing.assert_allclose(parted, value, rtol=1e-12)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
    other,
    gradient,
  )


def _told(values, config, class_count, caplog):
  """Returns what a run says whose steps all log these values."""
  caplog.clear()
  watch = Watch(SPEC.symptoms(config, class_count), total_steps=10)
  for step in range(1, 4):
    watch.see(step, {name: float(value) for name, value in values.items()})
  return [record.getMessage() for record in caplog.records]


def test_collapsed_embeddings_are_named(caplog):
  config = base("paws")
  config.data.labelled.classes_per_batch = _CLASSES
  views = _views(2, 1)
  value, metrics, _ = _ours(_PLAIN, views)
  assert _told({**metrics, "loss": value}, config, 5, caplog) == []
  # All images end in one point.
  constant = {**_params(), "trunk": np.zeros((6, 7))}
  value, metrics, gradient = _ours(_PLAIN, views, params=constant)
  (line,) = _told({**metrics, "loss": value}, config, 5, caplog)
  assert "the embeddings have collapsed" in line
  np.testing.assert_allclose(metrics["paws_consistency"], np.log(3), rtol=1e-5)
  np.testing.assert_allclose(metrics["uniformity"], 0, atol=1e-6)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def _certain(images_of, supports_of):
  """Returns views whose rows lie where those of a class do."""
  directions = 9 * np.eye(6)
  unlabelled = [directions[images_of]] * 2
  return unlabelled, [directions[supports_of]], supports_of.astype(np.int32)


def _identity():
  return {
    "trunk": np.eye(6),
    "projection": np.eye(6),
    "prediction": np.eye(6),
  }


@pytest.mark.parametrize(
  ("images_of", "says"),
  [
    ([0, 1, 2] * 8, "assigned to a class with certainty"),
    ([1] * 24, "predicted to be of one class"),
  ],
)
def test_certain_predictions_are_named(images_of, says, caplog):
  config = base("paws")
  config.data.labelled.classes_per_batch = _CLASSES
  views = _certain(np.array(images_of), np.tile(np.arange(3), 4))
  method = PAWS(3)
  value, metrics, _ = _ours(method, views, params=_identity())
  (line,) = _told({**metrics, "loss": value}, config, 3, caplog)
  assert says in line


@pytest.mark.slow
def test_a_step_in_bfloat16_is_finite():
  parts = tiny.experiment(
    method="paws",
    precision="bfloat16",
    **{
      "method.prediction_head": True,
      "multicrop.views": 2,
      "multicrop.size": 6,
      "data.labelled.views": 2,
    },
  )
  state = parts.initial_state()
  assert set(state.params) == {"backbone", "head", "prediction"}
  spec = parts.batch_spec(0)
  batch = next(parts.stream.batches(range(1), spec.unlabelled, spec.labelled))
  after, metrics = parts.step_fn()(state, batch, spec, 0)
  assert int(after.skipped) == 0
  assert all(np.isfinite(value) for value in metrics.values())
  assert 0 < float(metrics["paws_mean_entropy"]) <= np.log(4) + 1e-5


def test_the_prediction_head_is_the_paper_s():
  config = base("paws")
  config.model.head.out = 64
  assert set(SPEC.heads(config, 10)) == {"projection"}
  config.method.prediction_head = True
  head = SPEC.heads(config, 10)["prediction"]
  assert (head.of, head.layers, head.hidden, head.out) == (
    "projection",
    2,
    16,
    64,
  )
  assert head.input_batch_norm
  assert head.batch_norm
  assert not head.output_batch_norm
  assert not head.over_all_views


def test_one_class_per_step_is_refused():
  config = base("paws")
  config.data.labelled.update(per_class=5, classes_per_batch=1)
  config.data.validation.per_class = 5
  with pytest.raises(ConfigError, match="classes_per_batch is 1, but PAWS"):
    validate(config)


@pytest.mark.parametrize(("classes", "is_told"), [(0, True), (96, False)])
def test_a_support_that_lacks_many_classes_is_named(classes, is_told, caplog):
  config = base("paws")
  config.data.labelled.classes_per_batch = classes  # 0: 20 of 100
  config.method.temperature = 0.2
  assert build(config, 100) == PAWS(100, temperature=0.2)
  assert ("20 of 100 classes" in caplog.text) == is_told
