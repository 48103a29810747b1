"""Conformer blocks: attention and convolution over the frames of a clip.

Gulati et al. 2020 (arXiv 2005.08100), figure 1 and section 2; attention with
relative positions as in Dai et al. 2019 (arXiv 1901.02860), section 3.3.
"""

import functools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.architectures import ConformerSizes
from suncet_jax.models.activations import relu
from suncet_jax.models.dense import Dense
from suncet_jax.models.initializers import glorot, uniform_bias, uniform_fan_in
from suncet_jax.models.layer_norm import LayerNorm
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics

_NORM_EPSILON = 1e-12  # as in the public code


class ConformerBlock(nn.Module):
  """Half an MLP, attention, convolution, half an MLP; each is added, then norm.

  Attributes:
    sizes: Sizes of the block.
    numerics: Numerics of all layers.
  """

  sizes: ConformerSizes
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    """Maps frames [b, t, d] to [b, t, d] in the stored dtype."""
    sizes, numerics = self.sizes, self.numerics
    norm = functools.partial(LayerNorm, numerics, _NORM_EPSILON)
    added = functools.partial(self._added, train=train)
    mlp = functools.partial(_MLP, sizes.hidden, sizes.dropout, numerics)
    x = added(x, mlp(name="mlp1")(norm(name="norm1")(x), train), 0.5)
    attention = RelativeAttention(sizes.heads, numerics, name="attention")
    x = added(x, attention(norm(name="norm2")(x)))
    convolution = _Convolution(sizes.kernel, numerics, name="convolution")
    x = added(x, convolution(norm(name="norm3")(x), train))
    x = added(x, mlp(name="mlp2")(norm(name="norm4")(x), train), 0.5)
    return norm(name="norm5")(x).astype(numerics.param_dtype)

  def _added(
    self, x: jax.Array, y: jax.Array, share: float = 1.0, *, train: bool
  ) -> jax.Array:
    y = dropout(self, y, self.sizes.dropout, train)
    return x + share * y.astype(self.numerics.param_dtype)


class RelativeAttention(nn.Module):
  """Multi-head self-attention that knows how far apart two frames are.

  Attributes:
    heads: Number of heads, which divides the channels.
    numerics: Numerics of all layers.
  """

  heads: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps frames [b, t, c] to [b, t, c] in the compute dtype."""
    b, t, c = x.shape
    split = (self.heads, c // self.heads)
    dense = functools.partial(Dense, c, self.numerics)
    query, key, value = (
      dense(name=name)(x).reshape(b, t, *split)
      for name in ("query", "key", "value")
    )
    places = jnp.asarray(_distances(t, c), self.numerics.dtype)
    places = dense(use_bias=False, name="position")(places).reshape(-1, *split)
    of_key, of_place = (
      self.param(name, glorot, split, self.numerics.param_dtype)
      for name in ("key_bias", "position_bias")
    )
    scores = functools.partial(
      jnp.einsum, preferred_element_type=self.numerics.param_dtype
    )
    logits = scores("bqhd,bkhd->bhqk", _plus(query, of_key), key)
    logits += _by_distance(
      scores("bqhd,rhd->bhqr", _plus(query, of_place), places)
    )
    weights = jax.nn.softmax(logits / math.sqrt(split[1]))
    x = jnp.einsum("bhqk,bkhd->bqhd", weights.astype(value.dtype), value)
    return dense(name="out")(x.reshape(b, t, c))


class _Convolution(nn.Module):
  """A gate, a convolution of each channel over time, norm and activation."""

  size: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    c = x.shape[-1]
    x, gate = jnp.split(Dense(2 * c, self.numerics, name="gated")(x), 2, -1)
    x = _Depthwise(self.size, self.numerics, name="depthwise")(
      x * jax.nn.sigmoid(gate)
    )
    x = BatchNorm(self.numerics, name="norm")(x, train=train)
    return Dense(c, self.numerics, name="out")(nn.silu(x))


class _Depthwise(nn.Module):
  """A convolution over time of every channel by itself."""

  size: int
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array) -> jax.Array:
    t, c = x.shape[1:]
    store = self.numerics.param_dtype
    # The inputs of a channel are its `size` times.
    kernel = self.param("kernel", uniform_fan_in, (self.size, 1, c), store)
    bias = self.param("bias", uniform_bias(self.size), (c,), store)
    half = self.size // 2
    x = jnp.pad(x.astype(store), ((0, 0), (half, half), (0, 0)))
    # Products that XLA fuses; its grouped convolution has no fast form on CPUs.
    total = sum(x[:, i : i + t] * kernel[i] for i in range(self.size))
    return (total + bias).astype(self.numerics.dtype)


class _MLP(nn.Module):
  """Dense, ReLU, dropout, dense."""

  hidden: int
  rate: float
  numerics: Numerics

  @nn.compact
  def __call__(self, x: jax.Array, train: bool) -> jax.Array:
    channels = x.shape[-1]
    x = relu(Dense(self.hidden, self.numerics, name="dense1")(x))
    x = dropout(self, x, self.rate, train)
    return Dense(channels, self.numerics, name="dense2")(x)


def dropout(
  module: nn.Module, x: jax.Array, rate: float, train: bool
) -> jax.Array:
  """Returns x with a share of its numbers at 0, in training with a key.

  Args:
    module: Module whose random numbers are used.
    x: Activations of any shape.
    rate: Share of the numbers.
    train: Whether the network is in training.
  """
  if not (train and rate and module.has_rng("dropout")):
    return x
  kept = jax.random.bernoulli(module.make_rng("dropout"), 1 - rate, x.shape)
  return jnp.where(kept, x / (1 - rate), 0).astype(x.dtype)


def _plus(query: jax.Array, bias: jax.Array) -> jax.Array:
  return (query.astype(bias.dtype) + bias).astype(query.dtype)


def _distances(t: int, c: int) -> np.ndarray:
  """Returns sines and cosines of the distances t - 1 to 1 - t, [2 t - 1, c]."""
  distance = np.arange(t - 1, -t, -1)[:, None]
  rate = np.exp(np.arange(0, c, 2) * (-math.log(10000.0) / c))
  angle = distance * rate
  waves = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
  return waves.reshape(2 * t - 1, -1)[:, :c].astype(np.float32)


def _by_distance(scores: jax.Array) -> jax.Array:
  """Picks, for query i and key j of [b, h, i, r], the distance i - j."""
  t = scores.shape[2]
  query, key = np.arange(t)[:, None], np.arange(t)
  return scores[:, :, query, (t - 1) - (query - key)]
