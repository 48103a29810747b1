"""bfloat16 products on a CPU without instructions for them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax import losses
from suncet_jax.devices import cpu

_ROWS = np.random.default_rng(0).normal(size=(48, 32)).astype(np.float32)
_LABELS = np.arange(48) % 8


@pytest.fixture
def no_bfloat16(monkeypatch):
  """Takes the instructions away, as far as this package can see."""
  monkeypatch.setattr(cpu, "has_bfloat16", lambda: False)
  jax.clear_caches()
  yield
  jax.clear_caches()


@pytest.mark.parametrize("block_size", [0, 16])
@pytest.mark.parametrize("loss", [losses.suncet, losses.ntxent])
def test_rounded_and_computed_in_float32(no_bfloat16, loss, block_size):
  second = _LABELS if loss is losses.suncet else _ROWS[::-1].copy()

  def of(dtype):
    loss_of = functools.partial(loss, block_size=block_size, matmul_dtype=dtype)
    return jax.jit(jax.value_and_grad(loss_of))

  text = of(jnp.bfloat16).lower(_ROWS, second).as_text()
  assert "bf16" not in text
  assert "reduce_precision" in text
  rounded, exact = (of(dtype)(_ROWS, second) for dtype in (jnp.bfloat16, None))
  assert rounded[0] != exact[0]
  np.testing.assert_allclose(rounded[0], exact[0], rtol=1e-3)
  error = np.linalg.norm(rounded[1] - exact[1]) / np.linalg.norm(exact[1])
  assert 1e-6 < error < 5e-3


def test_other_dtypes_stay(no_bfloat16):
  loss = functools.partial(losses.suncet, matmul_dtype=jnp.float16)
  assert "f16" in jax.jit(loss).lower(_ROWS, _LABELS).as_text()
