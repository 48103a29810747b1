"""The CPU's form of attention is that of `jax.nn`, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.models.attention import attend


@pytest.mark.parametrize(
  ("dtype", "tolerance"), [(jnp.float32, 1e-5), (jnp.bfloat16, 3e-2)]
)
def test_it_is_the_attention_of_jax(dtype, tolerance):
  rng = np.random.default_rng(0)
  operands = [
    jnp.asarray(2 * rng.standard_normal((2, 7, 3, 4)), dtype) for _ in range(3)
  ]
  found, back = jax.vjp(jax.jit(attend), *operands)
  expected, expected_back = jax.vjp(jax.nn.dot_product_attention, *operands)
  assert found.dtype == dtype
  for ours, theirs in zip(
    (found, *back(found)), (expected, *expected_back(found)), strict=True
  ):
    np.testing.assert_allclose(
      ours.astype(jnp.float32),
      theirs.astype(jnp.float32),
      atol=tolerance * np.abs(np.asarray(theirs, np.float32)).max(),
    )
