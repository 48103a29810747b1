"""Low-rank adapters: what they start as, what they change, what they keep."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny

from suncet_jax import lora
from suncet_jax.config import ConfigError, validate
from suncet_jax.errors import UserError
from suncet_jax.evals.finetune import finetune
from suncet_jax.train import finetuning

_RANDOM = np.random.default_rng(0)
_IMAGES = _RANDOM.random((16, 2, 3, 1), np.float32)
_LABELS = _RANDOM.integers(0, 3, 16)


def _params():
  shapes = {
    "conv": {"kernel": (1, 1, 6, 5), "bias": (5,)},
    "dense": {"kernel": (5, 4)},
    "tokens": {"registers": (9, 9)},
  }
  rng = np.random.default_rng(1)
  return jax.tree.map(
    lambda shape: jnp.asarray(rng.standard_normal(shape), jnp.float32),
    shapes,
    is_leaf=lambda x: isinstance(x, tuple),
  )


def _network(params, stats, images, *, train):
  kernel, bias = params["conv"]["kernel"], params["conv"]["bias"]
  x = images.reshape(len(images), -1) @ kernel[0, 0] + bias
  stats = {"count": stats["count"] + train}
  return jnp.tanh(x) @ params["dense"]["kernel"], stats


def _tuned(params, **settings):
  settings = {"steps": 10, "learning_rate_peak": 0.05, "seed": 1} | settings
  return finetune(
    _network,
    params,
    {"count": jnp.zeros(())},
    lambda step: (_IMAGES, _LABELS),
    feature_size=4,
    class_count=3,
    **settings,
  )


def test_they_begin_with_the_network_as_it_is():
  params = _params()
  added = lora.adapters(params, rank=2, alpha=16.0, key=jax.random.key(0))
  assert jax.tree.map(jnp.shape, added) == {
    "conv": {"kernel": {"down": (6, 2), "up": (2, 5)}},
    "dense": {"kernel": {"down": (5, 2), "up": (2, 4)}},
    "scale": (),
  }
  whole = lora.merged(params, added)
  jax.tree.map(np.testing.assert_array_equal, whole, params)


def test_the_sum_written_out():
  params = _params()
  added = jax.tree.map(
    lambda x: x + 0.5,
    lora.adapters(params, rank=3, alpha=4.5, key=jax.random.key(0)),
  )
  whole = lora.merged(params, added)
  adapter = added["conv"]["kernel"]
  np.testing.assert_allclose(
    whole["conv"]["kernel"][0, 0],
    params["conv"]["kernel"][0, 0]
    + 2 * np.asarray(adapter["down"]) @ adapter["up"],
    rtol=1e-5,
    atol=1e-6,
  )
  np.testing.assert_array_equal(whole["conv"]["bias"], params["conv"]["bias"])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_what_is_learnt_has_the_rank(optimizer):
  params = _params()
  tuned = _tuned(params, lora_rank=2, lora_alpha=4.0, optimizer=optimizer)
  found = tuned.variables
  before, after = (x["dense"]["kernel"] for x in (params, found.params))
  change = np.asarray(after - before)
  sizes = np.linalg.svd(change, compute_uv=False)
  assert sizes[0] > 1e-3
  assert sizes[2] < 1e-5 * sizes[0]
  for part, name in (("conv", "bias"), ("tokens", "registers")):
    np.testing.assert_array_equal(found.params[part][name], params[part][name])
  assert found.batch_stats == {"count": 10}
  # The merged network is the network: there is nothing else to keep.
  features, _ = _network(
    found.params, found.batch_stats, jnp.asarray(_IMAGES), train=False
  )
  np.testing.assert_allclose(
    tuned.predict(_IMAGES),
    features @ found.classifier.kernel + found.classifier.bias,
    rtol=1e-4,
    atol=1e-5,
  )
  assert tuned.losses[-1] < tuned.losses[0]


def test_factors_of_the_kernels_are_those_of_their_adapters():
  params = _params()
  scales = jax.tree.map(lambda _: 0.5, params)
  scales["conv"]["kernel"] = 0.0
  tuned = _tuned(params, lora_rank=2, backbone_scale=scales)
  before, after = (
    [tree[part]["kernel"] for part in ("conv", "dense")]
    for tree in (params, tuned.variables.params)
  )
  np.testing.assert_array_equal(after[0], before[0])
  assert (after[1] != before[1]).any()


def test_a_rank_above_all_kernels_is_refused():
  with pytest.raises(UserError, match="lora_rank is 5, but no kernel has"):
    lora.adapters(_params(), rank=5, alpha=1.0, key=jax.random.key(0))


def test_a_run_fine_tunes_by_them():
  made = tiny.experiment(
    method="simclr",
    **{
      "evals.every_epochs": 0.0,
      "evals.finetune.epochs": 2,
      "evals.finetune.batch_size": 16,
      "evals.finetune.learning_rate": 1.0,
      "evals.finetune.lora_rank": 2,
      "evals.finetune.frozen_blocks": 1,
    },
  )
  state = made.initial_state()
  tuned = finetuning.finetune_on_labels(made, state)
  start = state.params["backbone"]
  assert jax.tree.structure(tuned.variables.params) == jax.tree.structure(start)

  def moved(part, kind):
    before, after = (x[part]["conv2"][kind] for x in (start, found))
    return np.linalg.matrix_rank(
      np.asarray(after - before).reshape(-1, after.shape[-1]), tol=1e-6
    )

  found = tuned.variables.params
  assert moved("stage1_block1", "kernel") == 0
  assert 0 < moved("stage3_block1", "kernel") <= 2
  jax.tree.map(
    np.testing.assert_array_equal,
    found["stage3_block1"]["norm1"],
    start["stage3_block1"]["norm1"],
  )


def test_adapters_of_a_frozen_backbone_are_refused():
  fields = {"lora_rank": 2, "backbone_scale": 0.0}
  config, _ = tiny.settings(
    method="simclr",
    **{"evals.every_epochs": 0.0},
    **{f"evals.finetune.{name}": value for name, value in fields.items()},
  )
  with pytest.raises(ConfigError, match="no adapter moves"):
    validate(config)
