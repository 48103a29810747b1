"""Learning rates by depth, frozen layers, AdamW: exact, for every optimizer."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from suncet_jax import optim
from suncet_jax.config import base
from suncet_jax.errors import UserError

_NAMES = ("lars", "larc", "sgd", "adamw")
_RESNET = ("stage1_block2", "stage10_block1", "stem", "stage1_block1")
_TRANSFORMER = ("block2", "block10", "block1", "patch_embed", "norm", "cls")


def _params(parts=_RESNET):
  """Returns parameters of that backbone, and of a head."""
  drawn = iter(jax.random.split(jax.random.key(0), 40))

  def layer():
    kernel = jax.random.normal(next(drawn), (3, 4))
    return {"kernel": kernel, "bias": jax.random.normal(next(drawn), (4,))}

  return {"backbone": {name: layer() for name in parts}, "head": layer()}


def _gradient(params, step=0):
  return jax.tree.map(lambda x: jnp.sin(9 * x + step), params)


def _optimizer(name, **fields):
  config = base()
  config.train.epochs = 2
  config.optim.update(
    name=name, peak_lr=0.5, start_lr=0.1, weight_decay=0.1, warmup_epochs=1.0
  )
  config.optim.update(fields)
  return optim.make_optimizer(config, 3)


def _updates(name, steps=4, **fields):
  """Returns the updates of each step at the same parameters."""
  optimizer, _ = _optimizer(name, **fields)
  params = _params()
  state, made = optimizer.init(params), []
  for step in range(steps):
    update, state = optimizer.update(_gradient(params, step), state, params)
    made.append(update)
  return made


def test_blocks_count_in_their_order():
  assert optim.depths(_RESNET) == (
    {"stem": 0, "stage1_block1": 1, "stage1_block2": 2, "stage10_block1": 3},
    4,
  )
  by_name, last = optim.depths(_TRANSFORMER)
  assert last == 4
  assert by_name == {
    "patch_embed": 0,
    "cls": 0,
    "block1": 1,
    "block2": 2,
    "block10": 3,
    "norm": 4,
  }


@pytest.mark.parametrize("name", _NAMES)
def test_rates_decay_by_depth_exactly(name):
  plain = _updates(name)
  decayed = _updates(name, layer_decay=0.5)
  factors = {
    "stem": 1 / 16,
    "stage1_block1": 1 / 8,
    "stage1_block2": 1 / 4,
    "stage10_block1": 1 / 2,
  }
  for ours, theirs in zip(decayed, plain, strict=True):
    jax.tree.map(np.testing.assert_array_equal, ours["head"], theirs["head"])
    for part, factor in factors.items():
      jax.tree.map(
        # Powers of two: no rounding.
        lambda a, b, factor=factor: np.testing.assert_array_equal(
          a, factor * b
        ),
        ours["backbone"][part],
        theirs["backbone"][part],
      )
      assert np.abs(ours["backbone"][part]["kernel"]).max() > 0


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("blocks", [2, optim.WHOLE])
def test_what_is_frozen_does_not_move_at_all(name, blocks):
  frozen = {"stem", "stage1_block1", "stage1_block2", "stage10_block1"}
  frozen = frozen - {"stage10_block1"} if blocks == 2 else frozen
  for update in _updates(name, frozen_blocks=blocks):
    assert np.abs(update["head"]["bias"]).max() > 0
    for part, layer in update["backbone"].items():
      moved = max(np.abs(x).max() for x in jax.tree.leaves(layer))
      assert (moved == 0) == (part in frozen)


def test_more_blocks_than_there_are_is_refused():
  with pytest.raises(UserError, match=r"frozen_blocks is 4, .* has 3 blocks"):
    optim.rate_factors(_params(), frozen_blocks=4)
  # With all blocks a norm behind them still moves.
  found = optim.rate_factors(_params(_TRANSFORMER), frozen_blocks=3)
  assert found["backbone"]["norm"]["kernel"] == 1
  assert found["backbone"]["block10"]["kernel"] == 0


def test_the_frozen_have_no_gradient():
  params = _params()

  def loss(params):
    return sum(jnp.sum(x**2) for x in jax.tree.leaves(optim.held(params, 1)))

  gradient = jax.grad(loss)(params)
  for part, layer in gradient["backbone"].items():
    expected = 0 if part in ("stem", "stage1_block1") else 2
    jax.tree.map(
      lambda g, p, expected=expected: np.testing.assert_allclose(
        g, expected * p
      ),
      layer,
      params["backbone"][part],
    )


@pytest.mark.parametrize("excluded", [False, True])
def test_adamw_is_that_of_optax(excluded):
  fields = {
    "momentum": 0.8,
    "second_momentum": 0.95,
    "epsilon": 1e-3,
    "exclude_bias_and_norm": excluded,
  }
  ours, schedule = _optimizer("adamw", **fields)

  def kernels(params):
    return jax.tree.map(lambda x: x.ndim > 1, params)

  theirs = optax.adamw(
    schedule,
    b1=0.8,
    b2=0.95,
    eps=1e-3,
    weight_decay=0.1,
    mask=kernels if excluded else None,
  )
  params = _params()
  states = [x.init(params) for x in (ours, theirs)]
  found = [params, params]
  for step in range(5):
    for i, optimizer in enumerate((ours, theirs)):
      gradient = _gradient(found[i], step)
      update, states[i] = optimizer.update(gradient, states[i], found[i])
      found[i] = optax.apply_updates(found[i], update)
  jax.tree.map(np.testing.assert_array_equal, *found)


def test_usual_runs_have_the_state_that_they_had():
  # Their checkpoints are to be read: nothing is added where nothing is asked.
  params = _params()
  for name in _NAMES[:3]:
    usual, asked = (
      jax.tree.structure(_optimizer(name, **fields)[0].init(params))
      for fields in ({}, {"layer_decay": 0.9})
    )
    assert usual != asked
