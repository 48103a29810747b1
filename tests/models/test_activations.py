"""ReLU and GELU: values, gradients, and what the gradients keep."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import torch

from suncet_jax.models.activations import gelu, relu


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


def test_gelu_is_the_exact_one():
  x = np.linspace(-6, 6, 97, dtype=np.float32)
  dy = np.linspace(1, 2, 97, dtype=np.float32)
  theirs = torch.from_numpy(x).requires_grad_()
  expected = torch.nn.functional.gelu(theirs)
  expected.backward(torch.from_numpy(dy))
  y, back = jax.vjp(gelu, jnp.asarray(x))
  np.testing.assert_allclose(y, expected.detach(), atol=1e-6)
  np.testing.assert_allclose(back(dy)[0], theirs.grad, atol=1e-6)


def test_the_gradient_of_gelu_keeps_its_input_alone():
  x = jnp.linspace(-1.0, 1.0, 64).astype(jnp.bfloat16)
  y, back = jax.vjp(gelu, x)
  assert y.dtype == x.dtype
  (kept,) = [leaf for leaf in jax.tree.leaves(back) if jnp.size(leaf) == 64]
  np.testing.assert_array_equal(kept, x)
