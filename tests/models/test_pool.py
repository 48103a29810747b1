"""The max pool against Flax's, of which it is the fast form."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.models.pool import max_pool


def _expected(x):
  return nn.max_pool(x, (3, 3), strides=(2, 2), padding=((1, 1), (1, 1)))


@pytest.mark.parametrize(
  ("size", "dtype"),
  [
    *((size, jnp.float32) for size in [(8, 6), (7, 9), (1, 4), (2, 1)]),
    ((7, 9), jnp.bfloat16),
    *(
      pytest.param(size, jnp.bfloat16, marks=pytest.mark.slow)
      for size in [(8, 6), (1, 4), (2, 1)]
    ),
  ],
)
def test_values_and_gradients_are_flaxs(size, dtype):
  rng = np.random.default_rng(size[0])
  x = rng.standard_normal((2, *size, 3))
  # Few values, so that there are many ties.
  for values in (x, np.round(x)):
    images = jnp.asarray(values, dtype)
    expected, pull_back = jax.vjp(_expected, images)
    # Whole numbers: the order of additions does not matter.
    dy = jnp.asarray(rng.integers(-9, 9, expected.shape), dtype)
    ours, pull_ours_back = jax.vjp(max_pool, images)
    np.testing.assert_array_equal(ours, expected)
    np.testing.assert_array_equal(pull_ours_back(dy)[0], pull_back(dy)[0])


def test_a_nan_is_not_hidden():
  x = jnp.zeros((1, 6, 6, 1)).at[0, 3, 3, 0].set(jnp.nan)
  np.testing.assert_array_equal(jnp.isnan(max_pool(x)), jnp.isnan(_expected(x)))
  assert jnp.isnan(max_pool(x)).sum() == 4
