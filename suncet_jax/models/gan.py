"""Generators and critics of images, for games beside the encoder.

Two kinds: "mlp" for images of a few hundred pixels, and "conv", after DCGAN
(Radford et al. 2015, arXiv 1511.06434), where repeated pixels and a convolution
take the place of a transposed one.
"""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.models.activations import ACTIVATIONS, relu
from suncet_jax.models.conv import Conv
from suncet_jax.models.dense import Dense
from suncet_jax.models.norm import BatchNorm
from suncet_jax.models.numerics import Numerics

_LEAST = 4  # pixels of the coarsest map of a "conv"
_leaky_relu = ACTIVATIONS["leaky_relu"]


class Generator(nn.Module):
  """Images of random numbers, and of what is joined to them.

  A batch norm and ReLU follow each hidden layer, a sigmoid the last.

  Attributes:
    image_shape: Shape (h, w, c) of an image.
    kind: Kind of the network, "mlp" or "conv".
    width: Units of both hidden layers of an "mlp"; channels of the finest
      hidden map of a "conv", which double from map to map.
    numerics: Numerics of all layers.
  """

  image_shape: tuple[int, int, int]
  kind: str
  width: int
  numerics: Numerics

  @nn.compact
  def __call__(self, *inputs: jax.Array, train: bool) -> jax.Array:
    """Maps rows [b, f], joined, to images [b, h, w, c] in [0, 1]."""
    x = jnp.concatenate(inputs, axis=-1)
    draw = self._maps if self.kind == "conv" else self._units
    return nn.sigmoid(draw(x, train).astype(self.numerics.param_dtype))

  def _units(self, x: jax.Array, train: bool) -> jax.Array:
    for i in (1, 2):
      x = self._hidden(self._dense(x, self.width, i), i, train)
    x = self._dense(x, math.prod(self.image_shape), 3)
    return x.reshape(-1, *self.image_shape)

  def _maps(self, x: jax.Array, train: bool) -> jax.Array:
    height, width, channels = self.image_shape
    count = _halvings(self.image_shape)
    shape = height >> count, width >> count, self.width << count
    x = self._dense(x, math.prod(shape), 1).reshape(-1, *shape)
    x = self._hidden(x, 1, train)
    for i in range(count):
      x = x.repeat(2, axis=1).repeat(2, axis=2)
      x = Conv(
        self.width << (count - i - 1), 3, self.numerics, name=f"conv{i}"
      )(x)
      x = self._hidden(x, i + 2, train)
    return Conv(channels, 3, self.numerics, use_bias=True, name="last")(x)

  def _dense(self, x: jax.Array, units: int, number: int) -> jax.Array:
    return Dense(units, self.numerics, name=f"dense{number}")(x)

  def _hidden(self, x: jax.Array, number: int, train: bool) -> jax.Array:
    return relu(BatchNorm(self.numerics, name=f"norm{number}")(x, train=train))


class Critic(nn.Module):
  """Logit of whether images are real and of their classes.

  Classes are joined to the input of every layer, and LeakyReLU follows each but
  the last; there are no norms, so that rows do not depend on one another.

  Attributes:
    kind: Kind of the network, "mlp" or "conv".
    width: Units of both hidden layers of an "mlp"; channels of the first map of
      a "conv", which double with each halving of the size.
    numerics: Numerics of all layers.
  """

  kind: str
  width: int
  numerics: Numerics

  @nn.compact
  def __call__(
    self, images: jax.Array, classes: jax.Array, *, train: bool
  ) -> jax.Array:
    """Maps images [b, h, w, c] and rows [b, k] to logits [b]."""
    del train
    x = self._maps(images, classes) if self.kind == "conv" else images
    x = x.reshape(len(x), -1)
    for i in (1, 2) if self.kind == "mlp" else ():
      x = _leaky_relu(self._dense(x, classes, self.width, i))
    x = self._dense(x, classes, 1, 3)
    return x.squeeze(-1).astype(self.numerics.param_dtype)

  def _maps(self, images: jax.Array, classes: jax.Array) -> jax.Array:
    x = images
    for i in range(_halvings(images.shape[1:]) + 1):
      everywhere = jnp.broadcast_to(
        classes[:, None, None], (*x.shape[:3], classes.shape[1])
      )
      x = _leaky_relu(
        Conv(
          self.width << i,
          3,
          self.numerics,
          stride=2 if i else 1,
          use_bias=True,
          name=f"conv{i}",
        )(jnp.concatenate([x, everywhere.astype(x.dtype)], axis=-1))
      )
    return x

  def _dense(
    self, x: jax.Array, classes: jax.Array, units: int, number: int
  ) -> jax.Array:
    joined = jnp.concatenate([x, classes.astype(x.dtype)], axis=-1)
    return Dense(units, self.numerics, name=f"dense{number}")(joined)


def _halvings(image_shape: tuple[int, ...]) -> int:
  """Returns how often the size of images can be halved."""
  count, (height, width, _) = 0, image_shape
  while not (height >> count) % 2 | (width >> count) % 2 and (
    min(height, width) >> (count + 1) >= _LEAST
  ):
    count += 1
  return count
