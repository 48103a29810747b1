"""The supervised baseline: cross-entropy of labelled images, nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax.config import base
from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.supervised.method import Supervised


@pytest.mark.parametrize("devices", [1, 2])
def test_the_loss_is_the_mean_cross_entropy_of_all_views(devices):
  rng = np.random.default_rng(0)
  logits = [rng.normal(size=(4, 3)).astype(np.float32) for _ in range(2)]
  labels = np.array([0, 2, 1, 2])

  class Encode(ViewEncoder):
    def __call__(self, params, batch_stats, views):
      return [{"logits": params * view} for view in views], "new statistics"

  encode = Encode(None, virtual.mesh(devices))
  views = Views((), tuple(map(jnp.asarray, logits)), jnp.asarray(labels))
  loss, output = Supervised().loss(
    jnp.float32(2.0), None, (), views, encode, None
  )
  doubled = 2 * np.concatenate(logits).astype(np.float64)
  logs = doubled - np.log(np.exp(doubled).sum(axis=1, keepdims=True))
  truth = np.tile(labels, 2)
  np.testing.assert_allclose(loss, -logs[range(8), truth].mean(), rtol=1e-6)
  assert output.batch_stats == "new statistics"
  right = (doubled.argmax(axis=1) == truth).mean()
  np.testing.assert_allclose(output.metrics["train_top1"], right)


def test_a_step_sees_labelled_images_only_and_has_a_classifier():
  parts = tiny.experiment()
  # Which a checkpoint holds: a run would not be gone on with otherwise.
  assert parts.config.model.head == base().model.head
  spec = parts.batch_spec(0)
  batch = next(parts.stream.batches(range(1), spec.unlabelled, spec.labelled))
  assert batch.unlabelled == ()
  assert batch.labelled[0].shape == (8, 8, 8, 1)
  assert sorted(batch.labels.tolist()) == [0, 0, 1, 1, 2, 2, 3, 3]
  state = parts.initial_state()
  assert jax.tree.map(jnp.shape, state.params["logits"]) == {
    "dense1": {"bias": (4,), "kernel": (64, 4)}
  }
  before = jax.device_get(state.params["logits"]["dense1"]["kernel"])
  state, metrics = parts.step_fn()(state, batch, spec, parts.config.seed)
  np.testing.assert_allclose(metrics["loss"], metrics["cross_entropy"])
  assert np.any(
    before != np.asarray(state.params["logits"]["dense1"]["kernel"])
  )


def test_its_views_may_be_weak_or_strong_ones():
  fields = {"method.view": "strong", "strong.operations": 3, "augment.size": 8}
  strong = tiny.experiment(**fields).batch_spec(0).labelled[0].augmentation
  assert (strong.size, strong.operations, strong.cutout) == (8, 3, 0.5)
  assert strong.jitter_prob == strong.blur_prob == 0
  weak = tiny.experiment(**fields | {"method.view": "weak"}).batch_spec(0)
  assert weak.labelled[0].augmentation.operations == 0
  plain = tiny.experiment(**fields | {"method.view": "view"}).batch_spec(0)
  assert plain.labelled[0].augmentation.jitter_prob == 0.8
