"""Optimizers by part, and Adam, against written-out formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from suncet_jax import optim
from suncet_jax.config import base


def _params():
  rng = np.random.default_rng(0)
  return {
    part: {"kernel": jnp.asarray(rng.normal(size=(3, 2))), "bias": jnp.ones(2)}
    for part in ("backbone", "critic", "head")
  }


def _config(**fields):
  config = base()
  config.train.epochs = 2
  config.update_from_flattened_dict(
    {"optim.name": "sgd", "optim.peak_lr": 0.5, "optim.momentum": 0.0, **fields}
  )
  return config


def _steps(config, count=3):
  """Returns parameters after steps whose gradient is their sine."""
  params = _params()
  optimizer, _ = optim.make_optimizer(config, steps_per_epoch=2)
  state = optimizer.init(params)
  for _ in range(count):
    gradient = jax.tree.map(jnp.sin, params)
    updates, state = optimizer.update(gradient, state, params)
    params = optax.apply_updates(params, updates)
  return params


def test_each_part_moves_as_if_it_were_alone(x64):
  mixed = _config()
  adam = {"name": "adam", "peak_lr": 0.1, "momentum": 0.5, "final_lr": 0.05}
  mixed.optim.parts = {"critic": adam, "projection": {"weight_decay": 0.1}}
  found = _steps(mixed)
  alone = {
    "backbone": _config(),
    "critic": _config(**{f"optim.{k}": v for k, v in adam.items()}),
    "head": _config(**{"optim.weight_decay": 0.1}),
  }
  for part, config in alone.items():
    expected = _steps(config)[part]
    jax.tree.map(np.testing.assert_array_equal, found[part], expected)
  assert np.abs(found["head"]["kernel"] - found["backbone"]["kernel"]).max() > 0


def test_without_parts_the_state_is_what_it_was():
  optimizer, _ = optim.make_optimizer(_config(), steps_per_epoch=2)
  plain = optax.chain(
    optax.add_decayed_weights(0.0, optim.adaptive.mask_of(None)),
    optax.sgd(lambda _: 0.5, momentum=0.0),
  )
  assert jax.tree.structure(optimizer.init(_params())) == jax.tree.structure(
    plain.init(_params())
  )


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_is_the_formula_of_the_paper(decay, x64):
  config = _config(
    **{
      "optim.name": "adam",
      "optim.momentum": 0.5,
      "optim.second_momentum": 0.9,
      "optim.epsilon": 1e-3,
      "optim.weight_decay": decay,
    }
  )
  found = _steps(config)["critic"]["kernel"]
  _, schedule = optim.make_optimizer(config, steps_per_epoch=2)
  p = np.asarray(_params()["critic"]["kernel"])
  m, v = np.zeros_like(p), np.zeros_like(p)
  for t in range(1, 4):
    g = np.sin(p) + decay * p  # decay is part of the gradient, unlike AdamW's
    m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
    step = (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
    p = p - float(schedule(t - 1)) * step
  np.testing.assert_allclose(found, p, rtol=1e-7)


def test_layers_by_depth_hold_beside_parts():
  config = _config(**{"optim.frozen_blocks": -1})
  config.optim.parts = {"critic": {"peak_lr": 1.0}}
  params, found = _params(), _steps(config)
  jax.tree.map(
    np.testing.assert_array_equal, found["backbone"], params["backbone"]
  )
  assert (
    np.abs(found["critic"]["kernel"] - params["critic"]["kernel"]).max() > 0
  )
