"""Batch norm against NumPy, and over several devices against one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.models.norm import EPSILON, BatchNorm, normalize
from suncet_jax.models.numerics import Numerics

_FLOAT32 = Numerics(jnp.float32, jnp.float32)
_BFLOAT16 = Numerics(jnp.bfloat16, jnp.float32)


def _variables(rng, channels):
  def draw():
    return rng.standard_normal(channels).astype(np.float32)

  return {
    "params": {"scale": draw(), "bias": draw()},
    "batch_stats": {"mean": draw(), "var": 1 + np.abs(draw())},
  }


def _train(variables, x, numerics=_FLOAT32):
  y, updates = BatchNorm(numerics).apply(
    variables, x, train=True, mutable=["batch_stats"]
  )
  return y, updates["batch_stats"]


def test_training_uses_biased_and_stores_unbiased_variance():
  rng = np.random.default_rng(0)
  variables = _variables(rng, 5)
  x = 3 + 2 * rng.standard_normal((3, 2, 2, 5))
  y, stats = _train(variables, x.astype(np.float32))
  rows = x.reshape(12, 5)
  mean, var = rows.mean(axis=0), rows.var(axis=0)
  scale, bias = variables["params"]["scale"], variables["params"]["bias"]
  np.testing.assert_allclose(
    y, (x - mean) / np.sqrt(var + 1e-5) * scale + bias, rtol=1e-4, atol=1e-5
  )
  old = variables["batch_stats"]
  np.testing.assert_allclose(
    stats["mean"], 0.9 * old["mean"] + 0.1 * mean, rtol=1e-5
  )
  np.testing.assert_allclose(
    stats["var"], 0.9 * old["var"] + 0.1 * rows.var(axis=0, ddof=1), rtol=1e-5
  )


def test_evaluation_uses_the_running_statistics():
  rng = np.random.default_rng(1)
  variables = _variables(rng, 5)
  x = rng.standard_normal((1, 5)).astype(np.float32)
  y = BatchNorm(_FLOAT32).apply(variables, x, train=False)
  stats, params = variables["batch_stats"], variables["params"]
  z = (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5)
  np.testing.assert_allclose(y, z * params["scale"] + params["bias"], rtol=1e-5)


def test_without_bias_there_is_only_a_gamma():
  x = jnp.ones((4, 5))
  norm = BatchNorm(_FLOAT32, use_bias=False)
  variables = norm.init(jax.random.key(0), x, train=False)
  assert set(variables["params"]) == {"scale"}


def test_bfloat16_statistics_are_summed_in_float32():
  """In bfloat16 a sum of 4096 ones would stop at 256."""
  rng = np.random.default_rng(2)
  variables = _variables(rng, 2)
  x = (1 + rng.standard_normal((4096, 2)) / 4).astype(jnp.bfloat16)
  y, stats = _train(variables, x, _BFLOAT16)
  expected_y, expected = _train(variables, x.astype(np.float32))
  assert y.dtype == jnp.bfloat16
  assert stats["mean"].dtype == stats["var"].dtype == jnp.float32
  np.testing.assert_array_equal(stats["mean"], expected["mean"])
  np.testing.assert_array_equal(stats["var"], expected["var"])
  np.testing.assert_allclose(y.astype(np.float32), expected_y, atol=0.05)


def test_constant_channels_stay_finite():
  """Rounding must not make E[x^2] - E[x]^2 negative under the root."""
  x = jnp.full((7, 3), 1e3) + jnp.array([0.1, 0.2, 0.3])
  variables = _variables(np.random.default_rng(3), 3)

  def total(x):
    y, stats = _train(variables, x)
    return y.sum(), stats

  (_, stats), gradient = jax.value_and_grad(total, has_aux=True)(x)
  assert np.isfinite(gradient).all()
  assert (stats["var"] >= 0.9 * variables["batch_stats"]["var"]).all()


def test_gradient_is_orthogonal_to_shift_and_scale(x64):
  """Outputs do not change when x is shifted; nor, nearly, when scaled."""
  rng = np.random.default_rng(4)
  variables = jax.tree.map(np.float64, _variables(rng, 3))
  x = jnp.asarray(rng.standard_normal((6, 3)))
  weights = rng.standard_normal((6, 3))
  numerics = Numerics(jnp.float64, jnp.float64)

  def objective(x):
    return jnp.sum(weights * _train(variables, x, numerics)[0])

  gradient = jax.grad(objective)(x)
  assert np.abs(gradient).max() > 0.01
  np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-12)
  centred = x - x.mean(axis=0)
  np.testing.assert_allclose((gradient * centred).sum(axis=0), 0, atol=1e-4)


def test_the_written_out_gradient_is_the_derived_one(x64):
  """Also where the mean is large beside the deviation."""
  rng = np.random.default_rng(7)
  x = jnp.asarray(30 + rng.standard_normal((5, 3, 2, 4)))
  scale, bias = jnp.asarray(rng.standard_normal((2, 4)))
  weights = rng.standard_normal(x.shape)

  def derived(x, scale, bias):
    centred = x - x.mean(axis=(0, 1, 2))
    var = (centred**2).mean(axis=(0, 1, 2))
    y = centred / jnp.sqrt(var + EPSILON) * scale + bias
    return (weights * jnp.sin(y)).sum()

  def ours(x, scale, bias):
    return (weights * jnp.sin(normalize(x, scale, bias)[0])).sum()

  expected = jax.grad(derived, (0, 1, 2))(x, scale, bias)
  for a, b in zip(
    jax.grad(ours, (0, 1, 2))(x, scale, bias), expected, strict=True
  ):
    np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


def test_one_row_in_training_is_an_error():
  variables = _variables(np.random.default_rng(5), 3)
  with pytest.raises(ValueError, match=r"at least 2 rows.*\(1, 3\)"):
    _train(variables, jnp.ones((1, 3)))


def test_four_devices_give_the_statistics_of_the_global_batch():
  mesh = jax.make_mesh(
    (4,),
    ("data",),
    axis_types=(jax.sharding.AxisType.Auto,),
    devices=jax.devices()[:4],
  )
  split = jax.NamedSharding(mesh, jax.P("data"))
  rng = np.random.default_rng(6)
  variables = _variables(rng, 5)
  x = rng.standard_normal((8, 2, 2, 5)).astype(np.float32)
  # Rows of different devices differ, so that local statistics would show.
  x += np.arange(8).reshape(8, 1, 1, 1)

  def objective(variables, x):
    y, stats = _train(variables, x)
    return jnp.mean(y**3), (y, stats)

  step = jax.jit(jax.value_and_grad(objective, argnums=(0, 1), has_aux=True))
  one = step(variables, x)
  four = step(variables, jax.device_put(x, split))
  assert len(four[1][1].sharding.device_set) == 4
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
    four,
    one,
  )
