"""Heads: each field of an `MLP`, and its defaults."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from model_testing import abstract_variables, model_config, quick_jit
from torch import nn

from suncet_jax import models
from suncet_jax.architectures import MLP
from suncet_jax.models.heads import MLPHead
from suncet_jax.models.numerics import Numerics

_NUMERICS = Numerics(jnp.float64, jnp.float64)
_INPUTS = np.random.default_rng(0).standard_normal((6, 8))

# Heads of published methods, and the modules of PyTorch that they are.
_HEADS = {
  "comatch": (
    MLP(layers=2, out=4, activation="leaky_relu"),
    lambda: [nn.Linear(8, 8), nn.LeakyReLU(0.1), nn.Linear(8, 4)],
  ),
  "paws prediction": (
    MLP(layers=2, out=8, hidden=2, batch_norm=True, input_batch_norm=True),
    lambda: [
      nn.BatchNorm1d(8),
      nn.Linear(8, 2),
      nn.BatchNorm1d(2),
      nn.ReLU(),
      nn.Linear(2, 8),
    ],
  ),
  "swav prototypes": (
    MLP(layers=1, out=5, use_bias=False, unit_inputs=True),
    lambda: [nn.Linear(8, 5, bias=False)],
  ),
}


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", _HEADS)
def test_a_published_head_is_pytorchs(name, train):
  mlp, layers = _HEADS[name]
  network = nn.Sequential(*layers()).double().train(train)
  with jax.enable_x64(True):
    module = MLPHead(mlp, _NUMERICS)
    variables = quick_jit(module.init, static_argnames="train")(
      jax.random.key(0), jnp.asarray(_INPUTS), train=False
    )
    _fill(network, variables)
    ours, new = quick_jit(
      lambda v, x: module.apply(v, x, train=train, mutable=["batch_stats"])
    )(variables, jnp.asarray(_INPUTS))
  x = torch.from_numpy(_INPUTS)
  if mlp.unit_inputs:
    x = nn.functional.normalize(x)
  np.testing.assert_allclose(ours, network(x).detach(), rtol=1e-10, atol=1e-12)
  for i, norm in enumerate(_of(network, nn.BatchNorm1d)):
    statistics = new["batch_stats"][f"norm{i}"]
    np.testing.assert_allclose(statistics["mean"], norm.running_mean)
    np.testing.assert_allclose(statistics["var"], norm.running_var)


def _of(network, kind):
  return [layer for layer in network if isinstance(layer, kind)]


def _fill(network, variables):
  """Copies our parameters; the norms of our layers are numbered from 0."""
  params = variables["params"]
  dense = _of(network, nn.Linear)
  assert sum(part.startswith("dense") for part in params) == len(dense)
  with torch.no_grad():
    for i, layer in enumerate(dense, start=1):
      ours = params[f"dense{i}"]
      assert ("bias" in ours) == (layer.bias is not None)
      layer.weight.copy_(torch.from_numpy(np.array(ours["kernel"].T)))
      if layer.bias is not None:
        layer.bias.copy_(torch.from_numpy(np.array(ours["bias"])))


def _draw(mlp, size=400):
  module = MLPHead(mlp, Numerics(jnp.float32, jnp.float32))
  init = quick_jit(module.init, static_argnames="train")
  return init(jax.random.key(1), jnp.zeros((1, size)), train=False)["params"]


def test_glorots_kernels_are_normal_and_its_biases_0():
  dense = _draw(MLP(layers=1, out=100, init="glorot"))["dense1"]
  kernel = np.asarray(dense["kernel"])
  spread = np.sqrt(2 / 500)
  np.testing.assert_allclose(kernel.std(), spread, rtol=0.02)
  assert np.abs(kernel).max() > 3.5 * spread  # not cut off
  np.testing.assert_array_equal(dense["bias"], 0)


def test_uniform_is_the_default_of_kernels_and_biases():
  dense = _draw(MLP(layers=1, out=100))["dense1"]
  for leaf in dense.values():
    assert 0.9 * 0.05 < np.abs(leaf).max() <= 0.05  # 1 / sqrt(400)


def test_a_row_of_zeros_stays_and_has_a_finite_gradient():
  module = MLPHead(
    MLP(layers=1, out=5, use_bias=False, unit_inputs=True),
    Numerics(jnp.float32, jnp.float32),
  )
  rows = jnp.zeros((2, 8)).at[0].set(1e-8)
  variables = module.init(jax.random.key(0), rows, train=False)

  def total(x):
    scores = module.apply(variables, x, train=True)
    return jnp.sum(scores**2), scores

  gradient, scores = jax.grad(total, has_aux=True)(rows)
  assert np.abs(scores[0]).max() > 0.01  # short, but of a direction
  np.testing.assert_array_equal(scores[1], 0)
  assert np.isfinite(gradient).all()


def test_hidden_layers_have_the_size_of_the_input_by_default():
  heads = {
    "projection": MLP(layers=2, out=6),
    "prediction": MLP(layers=2, out=3, of="projection"),
  }
  params, _ = abstract_variables(models.build(model_config(), heads=heads))
  assert params["head"]["dense1"]["kernel"].shape == (64, 64)
  assert params["prediction"]["dense1"]["kernel"].shape == (6, 6)


@pytest.mark.parametrize(
  ("mlp", "message"),
  [
    (
      MLP(layers=2, out=3, activation="gelu"),
      "activation of the head 'logits' must be one of relu, leaky_relu; got"
      " 'gelu'",
    ),
    (
      MLP(layers=2, out=3, init="zeros"),
      "init of the head 'logits' must be one of uniform, glorot; got 'zeros'",
    ),
  ],
)
def test_unknown_names_are_told(mlp, message):
  with pytest.raises(ValueError, match=message):
    models.build(model_config(), heads={"logits": mlp})
