"""Activations of heads and backbones by name."""

import functools
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax

# The slope is that of FixMatch's network and CoMatch's projection.
ACTIVATIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
  "relu": nn.relu,
  "leaky_relu": functools.partial(nn.leaky_relu, negative_slope=0.1),
}
