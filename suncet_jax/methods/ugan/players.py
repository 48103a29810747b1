"""The players beside the classifier: two generators and a critic."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax.data.augment import normalize
from suncet_jax.data.views import Augmentation
from suncet_jax.methods.base import Player
from suncet_jax.models import Network
from suncet_jax.models.gan import Critic, Generator
from suncet_jax.models.numerics import Numerics, numerics_of

_ROWS, _COLUMNS = 3, 10  # of the pictures of each generator


@dataclasses.dataclass(frozen=True)
class Players:
  """Generators and critic, without their parameters.

  Attributes:
    good: Whether there are the good generator and the critic.
    bad: Whether there is the bad generator.
    kind: Kind of all networks, "mlp" or "conv".
    width: Their size; see `models.gan`.
    noise: Number of random numbers that a generator starts from.
    class_count: Number of classes.
    augmentation: Augmentation whose mean and deviation samples get, as views
      do.
    numerics: Numerics of all networks.
  """

  good: bool
  bad: bool
  kind: str
  width: int
  noise: int
  class_count: int
  augmentation: Augmentation
  numerics: Numerics

  @classmethod
  def from_config(cls, config: ConfigDict, class_count: int) -> Self:
    """Returns the players that `config.method` describes."""
    method = config.method
    return cls(
      good=method.good,
      bad=method.bad,
      kind=method.networks,
      width=method.width,
      noise=method.noise,
      class_count=class_count,
      augmentation=Augmentation.from_config(config.augment),
      numerics=numerics_of(config.precision, config.model.convolution),
    )

  def networks(self, image_shape: tuple[int, ...]) -> Mapping[str, Player]:
    """Returns the networks by name; see `Method.networks`."""
    noise, classes = (1, self.noise), (1, self.class_count)
    network = self._generator(image_shape)
    found = {}
    if self.good:
      found["generator"] = Player(network, (noise, classes))
      found["critic"] = Player(self._critic, ((1, *image_shape), classes))
    if self.bad:
      found["bad_generator"] = Player(network, (noise,))
    return found

  def draw(
    self,
    name: str,
    params: Any,
    stats: Any,
    shape: tuple[int, ...],
    key: jax.Array,
  ) -> tuple[jax.Array, jax.Array, dict[str, Any]]:
    """Returns images of a generator as views, and the classes asked for.

    Args:
      name: Name of the generator.
      params: Parameters of all parts.
      stats: Running statistics of all parts.
      shape: Shape of the images, [b, h, w, c].
      key: PRNG key.

    Returns:
      (images, classes [b, c] as rows of a one, new statistics by part).
    """
    noise, classes = self._inputs(name, shape[0], key)
    inputs = (noise, classes) if name == "generator" else (noise,)
    images, moved = self._generator(shape[1:]).apply(
      params[name], stats[name], *inputs, train=True
    )
    return normalize(images, self.augmentation), classes, {name: moved}

  def critic(
    self, params: Any, images: jax.Array, classes: jax.Array
  ) -> jax.Array:
    """Returns the critic's logits of images with their classes, [n]."""
    logits, _ = self._critic.apply(
      params["critic"], {}, images, classes, train=True
    )
    return logits

  def one_hot(self, classes: jax.Array | None) -> jax.Array:
    """Returns classes as rows of a one."""
    return jax.nn.one_hot(
      classes, self.class_count, dtype=self.numerics.param_dtype
    )

  def pictures(
    self,
    params: Any,
    batch_stats: Any,
    image_shape: tuple[int, ...],
    key: jax.Array,
  ) -> Mapping[str, jax.Array]:
    """Returns rows of images of each generator; see `Method.pictures`."""
    found = {}
    columns = min(_COLUMNS, self.class_count)
    classes = self.one_hot(jnp.arange(_ROWS * columns) % columns)
    for name, player in self.networks(image_shape).items():
      if name == "critic":
        continue
      noise, _ = self._inputs(name, len(classes), key)
      inputs = (noise, classes)[: len(player.shapes)]
      images, _ = player.network.apply(
        params[name], batch_stats[name], *inputs, train=False
      )
      for i, row in enumerate(jnp.split(images, _ROWS), 1):
        found[f"{name.replace('_', ' ')} {i}"] = row
    return found

  def _inputs(
    self, name: str, count: int, key: jax.Array
  ) -> tuple[jax.Array, jax.Array]:
    """Draws random numbers in [-1, 1] and classes for so many images."""
    keys = jax.random.split(jax.random.fold_in(key, name == "bad_generator"), 2)
    dtype = self.numerics.param_dtype
    noise = jax.random.uniform(
      keys[0], (count, self.noise), dtype, minval=-1, maxval=1
    )
    classes = jax.random.randint(keys[1], (count,), 0, self.class_count)
    return noise, self.one_hot(classes)

  def _generator(self, image_shape: tuple[int, ...]) -> Network:
    height, width, channels = image_shape
    return Network(
      Generator((height, width, channels), self.kind, self.width, self.numerics)
    )

  @property
  def _critic(self) -> Network:
    return Network(Critic(self.kind, self.width, self.numerics))
