"""The moving average of the weights: what it follows and who reads it."""

import jax
import numpy as np
import pytest
from test_step import poisoned, setting


@pytest.fixture(scope="module")
def followed():
  """Three steps with an average: the states before and after each."""
  step, state, batch, plan = setting(ema_decay=0.25)
  states = [jax.device_get(state)]
  for _ in range(3):
    state, _ = step(state, batch, plan, 0)
    states.append(jax.device_get(state))
  return states


def test_it_follows_the_weights(followed):
  average = (followed[0].params, followed[0].batch_stats)
  for taken, state in enumerate(followed[1:]):
    # 1/10, 2/11, then the decay itself, which 3/12 reaches.
    decay = min(0.25, (1 + taken) / (10 + taken))
    average = jax.tree.map(
      lambda old, new, d=decay: d * old + (1 - d) * new,
      average,
      (state.params, state.batch_stats),
    )
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7),
      state.average,
      average,
    )


def test_it_is_what_is_evaluated(followed):
  state = followed[-1]
  assert state.encoder[0] is state.average[0]
  assert state.encoder[1] is state.average[1]
  kernel = state.params["head"]["dense1"]["kernel"]
  assert not np.array_equal(
    kernel, state.encoder[0]["head"]["dense1"]["kernel"]
  )


def test_training_does_not_depend_on_it(followed):
  step, state, batch, plan = setting()
  for _ in range(3):
    state, _ = step(state, batch, plan, 0)
  assert state.average == ()
  assert state.encoder == (state.params, state.batch_stats)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    jax.device_get(state.params),
    followed[-1].params,
  )


def test_a_step_that_is_not_finite_leaves_it():
  step, state, batch, plan = setting(ema_decay=0.25)
  state = poisoned(state)
  before = jax.device_get(state.average)
  state, _ = step(state, batch, plan, 0)
  assert int(state.skipped) == 1
  jax.tree.map(
    np.testing.assert_array_equal, before, jax.device_get(state.average)
  )
