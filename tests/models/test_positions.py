"""Position embeddings of other image sizes, as PyTorch interpolates them."""

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from suncet_jax.models.positions import resized


def _positions(side, has_class):
  shape = (1, side * side + has_class, 5)
  return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("has_class", [True, False])
@pytest.mark.parametrize("grid", [(16, 16), (7, 7), (21, 9), (3, 30)])
def test_it_is_the_antialiased_bicubic_one_of_pytorch(grid, has_class):
  own = _positions(14, has_class)
  image = torch.from_numpy(own[:, has_class:]).reshape(1, 14, 14, 5)
  expected = torch.nn.functional.interpolate(
    image.permute(0, 3, 1, 2), grid, mode="bicubic", antialias=True
  )
  found = resized(jnp.asarray(own), grid, has_class=has_class)
  assert found.shape == (1, grid[0] * grid[1] + has_class, 5)
  np.testing.assert_allclose(
    found[0, has_class:],
    expected.permute(0, 2, 3, 1).reshape(-1, 5),
    atol=1e-5,
  )
  np.testing.assert_array_equal(found[:, :has_class], own[:, :has_class])


def test_their_own_grid_changes_no_bit():
  own = _positions(6, has_class=True)
  np.testing.assert_array_equal(resized(own, (6, 6), has_class=True), own)
