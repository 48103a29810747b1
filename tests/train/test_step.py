"""The training step: what it changes, what it refuses, on any device count."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import virtual
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.stream import Batch
from suncet_jax.devices.mesh import by_rows, replicated
from suncet_jax.methods.base import BatchSpec
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.suncet.method import SuNCEt
from suncet_jax.train.state import init_state
from suncet_jax.train.step import make_step, make_views

_VIEW = View(
  Augmentation(size=8, crop_scale=(0.5, 1.0), jitter_prob=0.0, blur_prob=0.0)
)
_SPEC = BatchSpec((_VIEW, _VIEW), (_VIEW,))
_MODEL = ConfigDict(
  {
    "name": "resnet8",
    "width": 1,
    "stem": "cifar_stride2",
    "convolution": "auto",
    "zero_init_residual": False,
    "head": {
      "layers": 2,
      "hidden": 0,
      "out": 16,
      "batch_norm": False,
      "output_batch_norm": False,
    },
  }
)


def setting(devices=1, limit=3, rate=0.1, ema_decay=0.0):
  """Returns (step, state, batch, spec) of SimCLR + SuNCEt on a tiny net.

  The state is new; what is compiled is shared by all who ask for the same.
  """
  step, init, batch, plan = parts(devices, limit, rate, ema_decay)
  return step, init(), batch, plan


@functools.cache
def parts(devices, limit, rate, ema_decay):
  """Returns (step, init, batch, spec) with `init() -> state`."""
  mesh = virtual.mesh(devices)
  method = SuNCEt(SimCLR())
  model = models.build(_MODEL)
  optimizer = optax.sgd(rate, momentum=0.9)
  step = make_step(
    method,
    ViewEncoder(model, mesh),
    optimizer,
    lambda count: rate / (1 + count),
    mesh,
    max_skipped_in_a_row=limit,
    ema_decay=ema_decay,
  )
  init = jax.jit(
    lambda: init_state(
      jax.random.key(0),
      model,
      method,
      optimizer,
      (8, 8, 1),
      is_averaged=ema_decay > 0,
    ),
    out_shardings=replicated(mesh),
  )
  rng = np.random.RandomState(0)
  rows = by_rows(mesh)
  put = lambda x: jax.device_put(x, rows)  # noqa: E731
  batch = Batch(
    (put(rng.randint(0, 256, (16, 10, 10, 1)).astype(np.uint8)),),
    (put(rng.randint(0, 256, (8, 10, 10, 1)).astype(np.uint8)),),
    put(np.tile(np.arange(4, dtype=np.int32), 2)),
  )
  return step, init, batch, _SPEC


@pytest.fixture(scope="module")
def one_device():
  """Two steps on one device: the states before and after, and metrics."""
  step, state, batch, plan = setting()
  states, logged = [jax.device_get(state)], []
  for _ in range(2):
    state, metrics = step(state, batch, plan, 0)
    states.append(jax.device_get(state))
    logged.append(jax.device_get(metrics))
  return states, logged


def test_a_step_changes_everything_it_should(one_device):
  states, logged = one_device
  assert [int(state.step) for state in states] == [0, 1, 2]
  for name in ("params", "batch_stats"):
    before = jax.tree.leaves(getattr(states[0], name))
    after = jax.tree.leaves(getattr(states[1], name))
    for old, new in zip(before, after, strict=True):
      assert not np.array_equal(old, new)
  assert logged[0]["loss"] == pytest.approx(
    logged[0]["ntxent"] + logged[0]["suncet"], rel=1e-5
  )
  assert [m["learning_rate"] for m in logged] == pytest.approx([0.1, 0.05])
  assert int(states[2].skipped) == 0


def test_views_are_a_function_of_seed_and_step():
  _, _, batch, plan = parts(1, 3, 0.1, 0.0)

  def views(step, seed):
    made = make_views(batch, plan, jnp.asarray(step), seed)
    return np.stack(made.unlabelled)

  first = views(3, 0)
  np.testing.assert_array_equal(first, views(3, 0))
  assert not np.array_equal(first[0], first[1])
  assert not np.array_equal(first, views(4, 0))
  assert not np.array_equal(first, views(3, 1))


@pytest.mark.parametrize(
  "devices", [*(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4)), 8]
)
def test_devices_do_not_change_the_result(devices, one_device):
  states, logged = one_device
  step, state, batch, plan = setting(devices)
  for expected in logged:
    state, metrics = step(state, batch, plan, 0)
    for name, value in jax.device_get(metrics).items():
      np.testing.assert_allclose(value, expected[name], rtol=2e-4, err_msg=name)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-5),
    jax.device_get(state.params),
    states[2].params,
  )


def poisoned(state):
  """Returns the state with one parameter that makes every loss NaN."""
  bias = state.params["head"]["dense1"]["bias"]
  params = jax.tree.map(jnp.asarray, state.params)
  params["head"]["dense1"]["bias"] = bias.at[0].set(jnp.nan)
  return state.replace(params=params)


def test_a_step_that_is_not_finite_changes_nothing_and_is_counted():
  step, state, batch, plan = setting(limit=3)
  state = poisoned(state)
  before = jax.device_get(state)
  for count in (1, 2):
    state, metrics = step(state, batch, plan, 0)
    assert int(state.skipped) == int(state.skipped_in_a_row) == count
    assert not np.isfinite(metrics["loss"])
  after = jax.device_get(state)
  assert int(after.step) == 2
  for name in ("params", "batch_stats", "opt_state", "method_state"):
    jax.tree.map(
      np.testing.assert_array_equal, getattr(before, name), getattr(after, name)
    )
  # Good again: the row ends, the total stays, the schedule has not moved.
  healed = dataclasses.replace(
    state,
    params=jax.tree.map(lambda p: jnp.nan_to_num(p, nan=0.0), state.params),
  )
  state, metrics = step(healed, batch, plan, 0)
  assert int(state.skipped_in_a_row) == 0
  assert int(state.skipped) == 2
  assert float(metrics["learning_rate"]) == pytest.approx(0.1)


def test_a_finite_gradient_that_leads_to_no_finite_state_is_skipped():
  step, state, batch, plan = setting(rate=3e38)
  before = jax.device_get(state)
  state, metrics = step(state, batch, plan, 0)
  assert np.isfinite(metrics["gradient_norm"])
  assert int(state.skipped) == 1
  jax.tree.map(
    np.testing.assert_array_equal, before.params, jax.device_get(state.params)
  )


@pytest.mark.slow
def test_a_plan_is_compiled_once():
  # Not the shared one, which other tests may have called otherwise.
  step, init, batch, plan = parts.__wrapped__(1, 3, 0.1, 0.0)
  state = init()
  without = dataclasses.replace(plan, labelled=())
  unlabelled = Batch(batch.unlabelled)
  for _ in range(2):
    state, _ = step(state, batch, plan, 0)
  for _ in range(2):
    state, metrics = step(state, unlabelled, without, 0)
  assert "suncet" not in metrics
  assert step._cache_size() == 2


def test_after_too_many_in_a_row_nothing_is_updated_any_more():
  step, state, batch, plan = setting(limit=3)
  state = poisoned(state)
  for _ in range(3):
    state, _ = step(state, batch, plan, 0)
  assert int(state.skipped_in_a_row) == 3
  healed = dataclasses.replace(
    state,
    params=jax.tree.map(lambda p: jnp.nan_to_num(p, nan=0.0), state.params),
  )
  before = jax.device_get(healed.params)
  state, metrics = step(healed, batch, plan, 0)
  assert np.isfinite(metrics["loss"])
  assert int(state.skipped_in_a_row) == 4
  jax.tree.map(
    np.testing.assert_array_equal, before, jax.device_get(state.params)
  )
