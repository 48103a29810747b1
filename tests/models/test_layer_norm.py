"""Layer norm against PyTorch's, and its gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import torch

from suncet_jax.models.layer_norm import LayerNorm, normalize
from suncet_jax.models.numerics import Numerics


def _operands():
  rng = np.random.default_rng(0)
  x = 5 + rng.standard_normal((2, 3, 8))
  return [x.astype(np.float32)] + [
    rng.standard_normal(8).astype(np.float32) for _ in range(2)
  ]


def test_values_and_gradients_are_those_of_pytorch():
  operands = _operands()
  dy = np.random.default_rng(1).standard_normal((2, 3, 8)).astype(np.float32)
  x, scale, bias = (torch.from_numpy(a).requires_grad_() for a in operands)
  expected = torch.nn.functional.layer_norm(x, (8,), scale, bias, eps=0.1)
  expected.backward(torch.from_numpy(dy))
  y, back = jax.vjp(lambda *a: normalize(*a, 0.1), *operands)
  np.testing.assert_allclose(y, expected.detach(), atol=2e-6)
  for ours, theirs in zip(back(jnp.asarray(dy)), (x, scale, bias), strict=True):
    np.testing.assert_allclose(ours, theirs.grad, rtol=1e-4, atol=1e-5)


def test_statistics_are_wide_and_the_result_narrow():
  x, scale, bias = _operands()
  layer = LayerNorm(Numerics(jnp.bfloat16, jnp.float32), 1e-6)
  y = layer.apply({"params": {"scale": scale, "bias": bias}}, 300 + x)
  assert y.dtype == jnp.bfloat16
  np.testing.assert_array_equal(
    y, normalize(300 + x, scale, bias, 1e-6).astype(jnp.bfloat16)
  )
