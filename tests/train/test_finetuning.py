"""Fine-tuning of a run's state, with layers of the projection head kept."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from suncet_jax.config import ConfigError, validate
from suncet_jax.evals.finetune import finetune
from suncet_jax.train import finetuning

_HEAD = {
  "model.head.layers": 3,
  "model.head.hidden": 6,
  "model.head.out": 5,
  "model.head.batch_norm": True,
}
_SHORT = {
  "evals.finetune.epochs": 3,
  "evals.finetune.batch_size": 16,
  "evals.finetune.learning_rate": 1.0,
}


def _experiment(**fields):
  return tiny.experiment(method="simclr", **(_HEAD | _SHORT | fields))


@pytest.fixture(scope="module")
def state():
  """Returns a state whose head has statistics of its own."""
  made = _experiment().initial_state()
  drawn = iter(jax.random.split(jax.random.key(5), 99))
  stats = jax.tree.map(
    lambda leaf: leaf + 0.1 * jax.random.normal(next(drawn), leaf.shape),
    made.batch_stats["head"],
  )
  return made.replace(batch_stats={**made.batch_stats, "head": stats})


def _tuned(state, layers, **fields):
  settings = {"evals.finetune.first_layers": layers}
  return finetuning.finetune_on_labels(_experiment(**settings, **fields), state)


def _by_hand(params, stats, features, layers, *, train):
  """The first layers of the head written out, with statistics that go on."""
  x, new = features, {}
  for i in range(1, layers + 1):
    dense, norm = params[f"dense{i}"], params[f"norm{i}"]
    x = jnp.dot(x, dense["kernel"], precision="highest") + dense["bias"]
    mean, var = x.mean(axis=0), x.var(axis=0)
    old = stats[f"norm{i}"]
    rows = x.shape[0]
    new[f"norm{i}"] = {
      "mean": 0.9 * old["mean"] + 0.1 * mean,
      "var": 0.9 * old["var"] + 0.1 * var * rows / (rows - 1),
    }
    if not train:
      mean, var, new = old["mean"], old["var"], stats
    x = (x - mean) / jnp.sqrt(var + 1e-5) * norm["scale"] + norm["bias"]
    x = jnp.maximum(x, 0)
  return x, new


def _directly(network, params, stats, feature_size, backbone_scale=1.0):
  """Fine-tunes a network on the same images."""
  experiment = _experiment()
  loaded = iter(finetuning._LabelledBatches(experiment))
  return finetune(
    network,
    params,
    stats,
    lambda step: next(loaded),
    feature_size=feature_size,
    class_count=4,
    steps=6,  # 3 epochs of 32 images
    learning_rate_peak=1.0 * 16 / 256,
    backbone_scale=backbone_scale,
    prepare=finetuning._prepare(experiment),
  )


def test_it_is_the_network_of_the_first_layers(state):
  # The layers of the head have the backbone's learning rate.
  tuned = _tuned(state, 2, **{"evals.finetune.backbone_scale": 0.5})
  model = _experiment().model

  def network(params, stats, images, *, train):
    features, of_backbone = model.apply_backbone(
      params["backbone"], stats["backbone"], images, train=train
    )
    x, of_head = _by_hand(
      params["head"], stats["head"], features, 2, train=train
    )
    return x, {"backbone": of_backbone, "head": of_head}

  kept = {"dense1", "dense2", "norm1", "norm2"}
  variables = (
    tree | {"head": {n: v for n, v in tree["head"].items() if n in kept}}
    for tree in (state.params, state.batch_stats)
  )
  expected = _directly(network, *variables, feature_size=6, backbone_scale=0.5)
  np.testing.assert_allclose(tuned.losses, expected.losses, rtol=1e-4)
  # The statistics of the head's norms among them.
  for (path, found), (other, wanted) in zip(
    jax.tree.leaves_with_path(tuned.variables),
    jax.tree.leaves_with_path(expected.variables),
    strict=True,
  ):
    assert path == other
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4)
  images = jax.random.uniform(jax.random.key(0), (5, 8, 8, 1))
  np.testing.assert_allclose(
    tuned.predict(images), expected.predict(images), rtol=1e-3, atol=1e-4
  )


def test_without_any_it_is_the_backbone_to_the_bit(state):
  tuned = _tuned(state, 0)
  model = _experiment().model
  backbone = state.params["backbone"], state.batch_stats["backbone"]
  expected = _directly(
    model.apply_backbone, *backbone, feature_size=model.feature_size
  )
  assert tuned.losses.tobytes() == expected.losses.tobytes()
  for found, wanted in zip(
    jax.tree.leaves(tuned.variables),
    jax.tree.leaves(expected.variables),
    strict=True,
  ):
    np.testing.assert_array_equal(found, wanted)


def test_the_kept_layers_are_frozen_with_the_backbone(state):
  tuned = _tuned(state, 1, **{"evals.finetune.backbone_scale": 0.0})
  params, stats, classifier = tuned.variables
  for found, start in (
    (params, state.params),
    (stats, state.batch_stats),
  ):
    layers = {n: v for n, v in start["head"].items() if n[-1] == "1"}
    jax.tree.map(np.testing.assert_array_equal, found["head"], layers)
    backbone = found["backbone"], start["backbone"]
    jax.tree.map(np.testing.assert_array_equal, *backbone)
  assert classifier.kernel.shape == (6, 4)
  assert np.abs(classifier.kernel).max() > 0


@pytest.mark.parametrize(
  ("method", "layers", "expected"),
  [
    (
      "simclr",
      3,
      "evals.finetune.first_layers is 3, but the projection head has 2 layers "
      "before its last, .* expected at most 2",
    ),
    (
      "supervised",
      1,
      "evals.finetune.first_layers is 1, but method supervised has no "
      "projection head; expected 0",
    ),
  ],
)
def test_layers_that_are_not_there_are_refused(method, layers, expected):
  fields = {"evals.finetune.first_layers": layers, "evals.every_epochs": 0.0}
  config, _ = tiny.settings(method=method, **(_HEAD | fields))
  with pytest.raises(ConfigError, match=expected):
    validate(config)
