"""Residual blocks computed again: the same gradient, less kept for it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from model_testing import cheap_variables, model_config, random_images

from suncet_jax import models

_MODELS = (
  {"name": "resnet20"},
  {"name": "vit_mu4", "vit": {"layer_scale": 0.5}},
  pytest.param({"name": "wrn28_2"}, marks=pytest.mark.slow),
  pytest.param({"name": "wrn28_2_fixmatch"}, marks=pytest.mark.slow),
)


def _loss(fields, remat):
  """Returns parameters -> loss, and the parameters."""
  model = models.build(model_config(**fields), remat=remat)
  params, batch_stats = cheap_variables(model)
  images = random_images(16, 8, 8, 3)

  def loss(params):
    outputs, _ = model.apply(params, batch_stats, images, train=True)
    return jnp.mean(outputs["projection"] ** 3)

  return loss, params


@pytest.mark.parametrize("fields", _MODELS)
def test_the_gradient_is_the_same(fields):
  gradients = [
    jax.jit(jax.grad(loss))(params)
    for loss, params in (_loss(fields, remat) for remat in (True, False))
  ]
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(
      a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max()
    ),
    *gradients,
  )


def _bytes_kept(fields, remat):
  """Returns what the forward pass keeps besides parameters, in bytes."""
  loss, params = _loss(fields, remat)
  # The function that `jax.vjp` returns is a pytree of what it remembers.
  _, kept = jax.eval_shape(lambda p: jax.vjp(loss, p), params)
  return _bytes(kept) - _bytes(params)


def _bytes(tree):
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


@pytest.mark.parametrize("fields", _MODELS)
def test_less_is_kept(fields):
  # XLA's CPU compiler joins again what was to be computed twice, so that the
  # memory of a compiled program does not tell.
  assert _bytes_kept(fields, remat=True) < 0.5 * _bytes_kept(fields, False)
