"""bfloat16 models on a CPU without instructions for bfloat16."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree
from model_testing import model_config

from suncet_jax import models
from suncet_jax.devices import cpu
from suncet_jax.models.numerics import numerics_of

_IMAGES = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)


def _loss(precision):
  model = models.build(model_config({}), precision)
  params, batch_stats = model.init(jax.random.key(0), _IMAGES.shape[1:])

  def loss(params):
    outputs, _ = model.apply(params, batch_stats, _IMAGES, train=True)
    return jnp.mean(outputs["projection"] ** 2)

  return jax.jit(jax.value_and_grad(loss)), params


def _distance(got, expected):
  (got, _), (expected, _) = map(ravel_pytree, (got, expected))
  return np.linalg.norm(got - expected) / np.linalg.norm(expected)


def test_operands_are_rounded_and_nothing_is_stored_in_bfloat16(monkeypatch):
  exact, params = _loss("float32")
  monkeypatch.setattr(cpu, "has_bfloat16", lambda: True)
  stored, _ = _loss("bfloat16")
  monkeypatch.setattr(cpu, "has_bfloat16", lambda: False)
  rounded, _ = _loss("bfloat16")
  text = rounded.lower(params).as_text()
  assert "bf16" not in text
  assert "reduce_precision" in text
  expected, got = exact(params), rounded(params)
  assert got[0] != expected[0]
  np.testing.assert_allclose(got[0], expected[0], rtol=0.02)
  # Fewer numbers are rounded than where bfloat16 is stored.
  error = _distance(got[1], expected[1])
  assert 0 < error < _distance(stored(params)[1], expected[1])


def test_products_are_those_of_rounded_operands():
  numerics = numerics_of("float32", "auto")._replace(rounds=True)
  x, kernel = jnp.float32([1 + 2**-9, 3]), jnp.float32([1 - 2**-12, 2])
  operands = numerics.operands(x, kernel)
  assert [each.tolist() for each in operands] == [[1, 3], [1, 2]]
  # Gradients of parameters are not rounded.
  gradient = jax.grad(lambda k: jnp.sum(numerics.operands(x, k)[1] * x))(kernel)
  np.testing.assert_array_equal(gradient, x)


@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_other_devices_compute_in_bfloat16(monkeypatch, backend):
  monkeypatch.setattr(jax, "default_backend", lambda: backend)
  monkeypatch.setattr(cpu, "has_bfloat16", lambda: backend == "cpu")
  numerics = numerics_of("bfloat16", "auto")
  assert numerics.dtype == jnp.bfloat16
  assert not numerics.rounds
