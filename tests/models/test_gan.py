"""Generators and critics of images."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.models import Network
from suncet_jax.models.gan import Critic, Generator
from suncet_jax.models.numerics import Numerics

_NUMERICS = Numerics(jnp.float32, jnp.float32, "xla")


def _shapes(network, *shapes):
  params, _ = jax.eval_shape(lambda: network.init(jax.random.key(0), *shapes))
  return {
    name: leaf["kernel"].shape
    for name, leaf in params.items()
    if "kernel" in leaf
  }


@pytest.mark.parametrize(
  ("size", "coarsest", "maps"),
  [(8, 4, 1), (24, 6, 2), (28, 7, 2), (32, 4, 3), (9, 9, 0)],
)
def test_sizes_are_halved_while_they_are_even(size, coarsest, maps):
  shape = (size, size, 3)
  made = _shapes(
    Network(Generator(shape, "conv", 16, _NUMERICS)), (1, 5), (1, 2)
  )
  assert made["dense1"] == (7, coarsest * coarsest * (16 << maps))
  assert sum(name.startswith("conv") for name in made) == maps
  seen = _shapes(Network(Critic("conv", 16, _NUMERICS)), (1, *shape), (1, 2))
  assert sum(name.startswith("conv") for name in seen) == maps + 1
  assert seen["dense3"] == (coarsest * coarsest * (16 << maps) + 2, 1)
  assert seen["conv0"] == (3, 3, 5, 16)  # classes are joined to the channels


def test_dcgan_of_32_pixels_has_its_channels():
  network = Network(Generator((32, 32, 3), "conv", 128, _NUMERICS))
  made = _shapes(network, (1, 100))
  assert made["dense1"] == (100, 4 * 4 * 1024)
  assert [made[f"conv{i}"][-1] for i in range(3)] == [512, 256, 128]
  assert made["last"] == (3, 3, 128, 3)


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_they_draw_images_and_judge_them_by_class(kind):
  shape, rng = (8, 8, 1), np.random.default_rng(0)
  noise = jnp.asarray(rng.uniform(-1, 1, (6, 5)), jnp.float32)
  classes = jnp.eye(3)[jnp.array([0, 1, 2, 0, 1, 2])]
  generator = Network(Generator(shape, kind, 8, _NUMERICS))
  params, stats = generator.init(jax.random.key(0), (1, 5), (1, 3))
  images, moved = generator.apply(params, stats, noise, classes, train=True)
  assert images.shape == (6, *shape)
  assert ((images > 0) & (images < 1)).all()
  assert jax.tree.structure(moved) == jax.tree.structure(stats)
  critic = Network(Critic(kind, 8, _NUMERICS))
  own, none = critic.init(jax.random.key(1), (1, *shape), (1, 3))
  assert not none
  logits, _ = critic.apply(own, none, images, classes, train=True)
  other, _ = critic.apply(own, none, images, 1 - classes, train=True)
  first, _ = critic.apply(own, none, images[:2], classes[:2], train=True)
  assert logits.shape == (6,)
  assert np.abs(logits - other).min() > 0
  np.testing.assert_allclose(first, logits[:2], rtol=1e-5)
