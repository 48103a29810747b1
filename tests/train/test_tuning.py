"""Layers and statistics that stay, in the steps of a run and after it."""

import functools

import jax
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax import models, optim
from suncet_jax.config import ConfigError, validate
from suncet_jax.evals.linear import LinearProbe
from suncet_jax.evals.protocols import linear
from suncet_jax.train import experiment, finetuning
from suncet_jax.train.evaluation import Evaluator

_BLOCKS = ("stem", "stage1_block1", "stage2_block1", "stage3_block1")


@functools.cache
def _trained(devices=1, steps=3, method="supervised", **fields):
  """Returns the states before and after some steps on noise."""
  given = dict(fields)
  given = {name.replace("__", "."): value for name, value in given.items()}
  config, data = tiny.settings(
    method=method, **{"evals.every_epochs": 0.0, **given}
  )
  made = experiment.build(config, data, virtual.mesh(devices))
  state, spec = made.initial_state(), made.batch_spec(0)
  before, step = jax.device_get(state), made.step_fn()
  for batch in made.stream.batches(
    range(steps), spec.unlabelled, spec.labelled
  ):
    state, _ = step(state, batch, spec, 0)
  assert int(state.skipped) == 0
  return before, jax.device_get(state)


def _stays(before, after, kind):
  """Returns the parts of the backbone of which no bit has changed."""
  trees = (getattr(x, kind)["backbone"] for x in (before, after))
  first, second = trees
  return {
    name
    for name in first
    if all(
      np.array_equal(a, b)
      for a, b in zip(
        jax.tree.leaves(first[name]),
        jax.tree.leaves(second[name]),
        strict=True,
      )
    )
  }


_TUNED = {
  "optim__name": "adamw",
  "optim__peak_lr": 1e-3,
  "optim__weight_decay": 0.1,
  # Its first steps are the signs of gradients: rounding turns those near zero.
  "optim__epsilon": 1e-3,
  "optim__layer_decay": 0.7,
  "optim__frozen_blocks": 2,
}


@pytest.mark.parametrize("devices", [1, 4])
def test_frozen_blocks_stay_to_the_bit(devices):
  found = _trained(devices, **_TUNED)
  for kind in ("params", "batch_stats"):
    assert _stays(*found, kind) == set(_BLOCKS[:3])


def test_one_device_is_four():
  one, four = (_trained(devices, **_TUNED)[1] for devices in (1, 4))
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    (one.params, one.batch_stats),
    (four.params, four.batch_stats),
  )


def test_frozen_norms_alone():
  found = _trained(optim__frozen_norms=True)
  assert _stays(*found, "params") == set()
  assert _stays(*found, "batch_stats") == set(_BLOCKS)


def test_the_whole_backbone_is_frozen_and_the_head_learns():
  before, after = _trained(method="simclr", optim__frozen_blocks=optim.WHOLE)
  for kind in ("params", "batch_stats"):
    assert _stays(before, after, kind) == set(_BLOCKS)
  kernels = (x.params["head"]["dense1"]["kernel"] for x in (before, after))
  assert not np.array_equal(*kernels)


def test_a_wide_resnet_has_a_norm_behind_its_blocks():
  config = tiny.settings(**{"model.name": "wrn28_2", "model.stem": "cifar"})[0]
  model = models.build(config.model)
  params, stats = jax.eval_shape(
    lambda: model.init(jax.random.key(0), (8, 8, 1))
  )
  params, stats = jax.tree.map(
    lambda x: np.full(x.shape, 0.1, x.dtype), (params, stats)
  )
  images = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)

  def kept(blocks):
    _, new = model.with_frozen_norms(blocks).apply_backbone(
      params["backbone"], stats["backbone"], images, train=True
    )
    return {
      name
      for name, old in stats["backbone"].items()
      if all(map(np.array_equal, *map(jax.tree.leaves, (old, new[name]))))
    }

  assert kept(0) == set()
  assert kept(5) == {f"stage1_block{i}" for i in range(1, 5)} | {
    "stage2_block1"
  }
  assert "final_norm" not in kept(12)
  assert kept(-1) == stats["backbone"].keys()


_SHORT = {
  "evals.finetune.epochs": 2,
  "evals.finetune.batch_size": 16,
  "evals.finetune.learning_rate": 1.0,
  "evals.linear.epochs": 5,
  "evals.every_epochs": 0.0,
}


def _experiment(**fields):
  return tiny.experiment(method="simclr", **(_SHORT | fields))


@pytest.fixture(scope="module")
def state():
  return _experiment().initial_state()


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_fine_tuning_freezes_and_decays_alike(state, name):
  made = _experiment(
    **{
      "evals.finetune.optimizer": name,
      "evals.finetune.learning_rate": 0.1,
      "evals.finetune.weight_decay": 0.1,
      "evals.finetune.frozen_blocks": 1,
      "evals.finetune.layer_decay": 0.5,
    }
  )
  tuned = finetuning.finetune_on_labels(made, state)
  for found, start in zip(tuned.variables[:2], state.encoder, strict=True):
    for part, tree in start["backbone"].items():
      same = jax.tree.map(np.array_equal, tree, found[part])
      is_frozen = part in ("stem", "stage1_block1")
      assert all(jax.tree.leaves(same)) == is_frozen
  scales = finetuning._scales(made.config.evals.finetune, tuned.variables[0])
  assert scales["stage3_block1"]["conv1"]["kernel"] == 0.5
  assert scales["stage2_block1"]["conv1"]["kernel"] == 0.25


def test_lp_ft_starts_from_the_classifier_of_the_probe(state):
  made = _experiment(
    **{
      "evals.finetune.start": "probe",
      "evals.finetune.learning_rate": 1e-12,
      "evals.finetune.frozen_norms": True,
    }
  )
  seen = Evaluator(made).under_test(state)
  scores = seen.finetuned_scores()
  # At no rate, with norms in evaluation mode, it is the probe itself.
  expected = linear.fitted(seen).scores(seen.test.features)
  assert np.abs(expected).max() > 0.01
  np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_a_probe_of_features_as_they_are():
  rng = np.random.default_rng(0)
  probe = LinearProbe(
    *(rng.random(shape, np.float32) for shape in ((5, 3), 3, 5, 5, 1))
  )
  kernel, bias = probe.on_features()
  features = rng.random((7, 5), np.float32)
  np.testing.assert_allclose(
    features @ kernel + bias, probe.scores(features), rtol=1e-5, atol=1e-5
  )


def test_a_probe_below_kept_layers_is_refused():
  fields = {"evals.finetune.start": "probe", "evals.finetune.first_layers": 1}
  config, _ = tiny.settings(method="simclr", **_SHORT, **fields)
  with pytest.raises(ConfigError, match="begins with a classifier of the feat"):
    validate(config)
