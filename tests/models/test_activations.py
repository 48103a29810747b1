"""ReLU by its output: the function of Flax, and what its gradient keeps."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.models.activations import relu


def test_values_and_gradients_are_those_of_flax():
  x = jnp.array([-jnp.inf, -2.0, -0.0, 0.0, 1e-45, 3.0, jnp.inf, jnp.nan])
  dy = jnp.arange(1.0, 9.0)
  for function in (jax.jit, lambda f: f):
    y, back = jax.vjp(function(relu), x)
    expected, expected_back = jax.vjp(nn.relu, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(back(dy)[0], expected_back(dy)[0])


def test_its_gradient_keeps_the_output_and_no_mask():
  x = jnp.linspace(-1.0, 1.0, 64)
  y, back = jax.vjp(relu, x)
  (kept,) = [leaf for leaf in jax.tree.leaves(back) if jnp.size(leaf) == 64]
  assert kept.dtype == x.dtype
  np.testing.assert_array_equal(kept, y)
