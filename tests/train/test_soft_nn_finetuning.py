"""Fine-tuning by SuNCEt before soft nearest neighbours classify."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tiny
import virtual

from suncet_jax import losses, plugins
from suncet_jax.config import ConfigError, base, validate
from suncet_jax.evals.soft_nn_finetune import soft_nn_finetune
from suncet_jax.train import soft_nn_finetuning
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.soft_nn_finetuning import mirrored

_FIELDS = {
  "evals.soft_nn_finetune.steps": 4,
  "evals.soft_nn_finetune.images_per_class": 3,  # 12 rows: no 8 devices' share
  "evals.soft_nn_finetune.learning_rate": 3.0,
  "evals.soft_nn_finetune.final_learning_rate": 1.0,
  "model.head.batch_norm": True,
}


def _tuned(devices=1, seed=0):
  """Returns the initial state and the fine-tuned one."""
  parts = tiny.experiment(method="simclr", seed=seed, **_FIELDS)
  parts = dataclasses.replace(parts, mesh=virtual.mesh(devices))
  state = parts.initial_state()
  evaluator = Evaluator(parts)
  return evaluator, state, evaluator.soft_nn_finetuned(state)


@pytest.fixture(scope="module")
def alone():
  return _tuned()


def test_backbone_and_projection_are_trained_and_no_statistics(alone):
  _, before, after = alone
  for part in ("backbone", "head"):
    moved = jax.tree.map(
      lambda a, b: np.abs(a - b).max(), before.params[part], after.params[part]
    )
    assert max(jax.tree.leaves(moved)) > 1e-4
  jax.tree.map(
    np.testing.assert_array_equal, before.batch_stats, after.batch_stats
  )


def test_the_same_seed_gives_the_same_bits(alone, monkeypatch):
  evaluator, before, after = alone
  seen = evaluator.under_test(before)
  found = seen.soft_nn_finetuned()
  other = evaluator.under_test(after)
  for again, expected in zip(found, (other.bank, other.test), strict=True):
    np.testing.assert_array_equal(again.projection, expected.projection)
  monkeypatch.setattr(seen, "soft_nn_finetuned", lambda: found)
  measured = plugins.evaluations()["soft_nn_finetune"].run(seen)
  plain = plugins.evaluations()["soft_nn"].run(other)
  assert measured == {"soft_nn_finetune_top1": plain["soft_nn_top1"]}


def test_eight_devices_change_nothing_but_roundings(alone):
  _, _, other = _tuned(devices=8)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5),
    jax.device_get(alone[2].params),
    jax.device_get(other.params),
  )


def test_it_is_suncet_with_lars_written_out():
  rng = np.random.default_rng(0)
  images, labels = rng.normal(size=(6, 5)), np.array([0, 0, 1, 1, 2, 2])
  images = jnp.asarray(images, jnp.float32)
  params = {"kernel": jnp.asarray(rng.normal(size=(5, 4)), jnp.float32)}

  def embed(params, rows):
    return rows @ params["kernel"]

  settings = base("simclr").evals.soft_nn_finetune
  settings.steps = 3
  tuned = soft_nn_finetune(
    embed,
    params,
    lambda step: (images, jnp.asarray(labels)),
    loss=losses.suncet,
    optimizer=soft_nn_finetuning._optimizer(settings),
    steps=3,
  )
  kernel, velocity = params["kernel"], 0.0
  for step in range(3):
    rate = 0.01 + 0.09 * (1 + np.cos(np.pi * step / 3)) / 2
    value, gradient = jax.value_and_grad(
      lambda k: losses.suncet(images @ k, labels)
    )(kernel)
    np.testing.assert_allclose(tuned.losses[step], value, rtol=1e-5)
    ratio = 0.001 * np.linalg.norm(kernel) / np.linalg.norm(gradient)
    velocity = 0.9 * velocity + rate * ratio * gradient
    kernel = kernel - velocity
  np.testing.assert_allclose(tuned.params["kernel"], kernel, rtol=1e-5)
  assert tuned.losses[-1] < tuned.losses[0]


def test_views_are_mirrored_by_row():
  images = jnp.arange(8 * 2 * 3, dtype=jnp.float32).reshape(8, 2, 3, 1)
  views = np.asarray(mirrored(images, jax.random.key(0)))
  kinds = set()
  for image, pair in zip(
    np.asarray(images), views.reshape(8, 2, 2, 3, 1), strict=True
  ):
    for view in pair:
      is_same = np.array_equal(view, image)
      assert is_same or np.array_equal(view, image[:, ::-1])
      kinds.add(is_same)
  assert kinds == {True, False}
  # Rows that fill up devices come behind and change none.
  more = mirrored(jnp.concatenate([images, images[:2]]), jax.random.key(0))
  np.testing.assert_array_equal(more[:16], views)


def test_it_is_not_done_by_default_and_needs_a_projection():
  assert "soft_nn_finetune" not in base("simclr").evals.final
  config, _ = tiny.settings(**{"evals.every_epochs": 0.0})
  config.evals.final = ("soft_nn_finetune",)
  with pytest.raises(ConfigError, match="needs the head 'projection'"):
    validate(config)


def test_a_loss_that_is_not_finite_names_the_setting():
  with pytest.raises(
    FloatingPointError, match=r"soft_nn_finetune\.learning_rate"
  ):
    soft_nn_finetune(
      lambda params, rows: rows * params,
      jnp.float32(1.0),
      lambda step: (jnp.ones((4, 2)), jnp.zeros(4, int)),
      loss=lambda rows, labels: jnp.log(-rows.sum()),
      optimizer=optax.sgd(1.0),
      steps=1,
    )
