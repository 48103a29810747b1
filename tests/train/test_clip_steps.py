"""Steps on clips: the same on any number of devices, in parts, and resumed."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual

from suncet_jax.config import base, validate
from suncet_jax.errors import UserError
from suncet_jax.models import Model, Network
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import build
from suncet_jax.train.phases import flops_per_step
from suncet_jax.train.sample_views import sample_views
from suncet_jax.workdir.checkpoints import Checkpoints

_FEATURES = 12


class _Net(nn.Module):
  """A network of clips: means of frames over places, and of sound."""

  @nn.compact
  def __call__(self, clips, *, train):
    del train
    video, audio = clips["video"], clips["audio"]
    corner = video[:, :, :6, :6].mean(axis=(2, 3)).reshape(len(video), -1)
    columns = audio.mean(axis=2)
    return nn.tanh(nn.Dense(_FEATURES)(jnp.hstack([corner, columns])))


def _config(**fields):
  config = base("suncet")
  config.data.source, config.data.batch_size = "clips", 8
  config.data.clips.update(
    {"synthetic": "shapes", "count": 32, "test_count": 7, "frames": 4}
  )
  config.data.clips.update({"size": 12, "bands": 6, "audio_per_frame": 2})
  config.clip.size = 10
  config.data.labelled.update(
    {"fraction": 1.0, "classes_per_batch": 4, "images_per_class": 2}
  )
  config.model.update({"name": "resnet8", "stem": "cifar"})
  config.model.head.out = 8
  config.optim.update({"name": "sgd", "peak_lr": 0.1})
  config.train.epochs = 2
  config.update_from_flattened_dict(fields)
  return config


def _experiment(devices=1, **fields):
  parts = build(_config(**fields), mesh=virtual.mesh(devices))
  model = Model(_FEATURES, Network(_Net()), parts.model.heads)
  return dataclasses.replace(parts, model=model)


@functools.cache
def _whole():
  return _trained(_experiment(), range(4))


def _trained(parts, steps, state=None):
  """Returns the state after some steps, and what they logged."""
  state = parts.initial_state() if state is None else state
  step, spec, logged = parts.step_fn(), parts.batch_spec(0), []
  for batch in parts.stream.batches(steps, spec.unlabelled, spec.labelled):
    state, metrics = step(state, batch, spec, 0)
    logged.append(float(metrics["loss"]))
  return jax.tree.map(np.array, jax.device_get(state)), logged


def test_a_step_moves_the_network_by_frames_and_by_sound():
  state, losses = _whole()
  assert np.isfinite(losses).all()
  assert int(state.skipped) == 0
  before = jax.device_get(_experiment().initial_state()).params["backbone"]
  moved = state.params["backbone"]["Dense_0"]["kernel"]
  moved = np.abs(moved - before["Dense_0"]["kernel"]).max(axis=1)
  assert (moved > 0).all()


def test_devices_change_nothing():
  state, losses = _trained(_experiment(4), range(4))
  expected, of_one = _whole()
  np.testing.assert_allclose(losses, of_one, rtol=1e-5)
  for a, b in zip(
    jax.tree.leaves(state.params), jax.tree.leaves(expected.params), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_micro_batches_change_nothing_without_norms():
  state, losses = _trained(_experiment(**{"train.micro_batches": 2}), range(2))
  expected, of_one = _trained(_experiment(), range(2))
  np.testing.assert_allclose(losses, of_one, rtol=1e-5)
  for a, b in zip(
    jax.tree.leaves(state.params), jax.tree.leaves(expected.params), strict=True
  ):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_going_on_from_a_checkpoint_gives_the_same_bits(tmp_path):
  parts = _experiment()
  half, _ = _trained(parts, range(2))
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(2, half, {})
    checkpoints.wait()
    restored, _ = checkpoints.restore(parts.state_template())
  went_on, _ = _trained(parts, range(2, 4), restored)
  expected, _ = _whole()
  for a, b in zip(
    jax.tree.leaves(went_on), jax.tree.leaves(expected), strict=True
  ):
    np.testing.assert_array_equal(a, b)


def test_each_clip_is_embedded_once_in_order():
  parts = _experiment(4, **{"evals.batch_size": 4})
  state = parts.initial_state()
  test = parts.pipeline.test
  found = Evaluator(parts).embed(state, test, np.arange(7))
  (rows,) = test.images([np.arange(7)])
  outputs, _ = parts.model.apply(
    *state.encoder, parts.views["view"].plain(rows), train=False
  )
  np.testing.assert_allclose(found.features, outputs["features"], atol=1e-6)
  np.testing.assert_array_equal(found.labels, test.labels)


def test_evaluations_run():
  parts = _experiment()
  state = parts.initial_state()
  evaluator = Evaluator(parts)
  fields = {"evals.finetune.epochs": 1, "evals.linear.epochs": 2}
  parts.config.update_from_flattened_dict(fields)
  for name in ("knn", "linear", "soft_nn", "finetune"):
    measures = evaluator.evaluate(state, name)
    assert all(0 <= value <= 1 for value in measures.values()), measures


def test_an_evaluation_of_images_alone_is_refused():
  config = _config(**{"evals.final": ("soft_nn_finetune",)})
  with pytest.raises(UserError, match=r"is of images.*finetune takes clips"):
    validate(config)


def test_pictures_of_a_report_are_frames():
  pictures, titles = sample_views(_experiment())
  assert pictures.shape == (8, len(titles), 12, 12, 3)
  assert titles[:2] == ["image", "view 1"]
  assert pictures.dtype == np.uint8


def test_operations_are_counted(monkeypatch):
  parts = _experiment()
  monkeypatch.setattr("suncet_jax.models.build", lambda *_, **__: parts.model)
  # Views of both kinds: 8 unlabelled twice, 8 labelled once; three passes.
  inputs = 4 * 3 + 4 * 2
  least = 3 * 24 * 2 * inputs * _FEATURES
  assert least < flops_per_step(parts, 0) < 100 * least
