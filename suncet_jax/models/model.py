"""The boundary between Flax modules and everyone else: pure functions."""

import dataclasses
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.errors import UserError


class Outputs(NamedTuple):
  """What a model makes of images, in the dtype of its parameters.

  Attributes:
    features: [b, f] output of the backbone, which evaluations use.
    projection: [b, d] output of the head, which losses use; not normalised.
  """

  features: jax.Array
  projection: jax.Array


@dataclasses.dataclass(frozen=True)
class Model:
  """A backbone and a projection head without their parameters.

  Parameters and running batch-norm statistics are plain nested dicts with the
  top-level keys "backbone" and "head".

  Attributes:
    feature_size: size f of the features.
    backbone: module from images [b, h, w, c] to features [b, f].
    head: module from features [b, f] to projections [b, d].
  """

  feature_size: int
  backbone: nn.Module
  head: nn.Module

  def init(
    self, key: jax.Array, image_shape: tuple[int, int, int]
  ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draws parameters; usable under `jit` and `jax.eval_shape`.

    Args:
      key: PRNG key.
      image_shape: static (h, w, c). Parameters depend on c only.

    Returns:
      (params, batch_stats), the statistics of mean 0 and variance 1.
    """
    backbone_key, head_key = jax.random.split(key)
    backbone = _init(self.backbone, backbone_key, (1, *image_shape))
    head = _init(self.head, head_key, (1, self.feature_size))
    params = {"backbone": backbone["params"], "head": head["params"]}
    # A head without norms has no statistics: Flax leaves the collection out.
    batch_stats = {
      "backbone": backbone["batch_stats"],
      "head": head.get("batch_stats", {}),
    }
    return params, batch_stats

  def apply(
    self, params: Any, batch_stats: Any, images: jax.Array, *, train: bool
  ) -> tuple[Outputs, Any]:
    """Runs backbone and head on one batch.

    Args:
      params: as `init` returns them.
      batch_stats: as `init` returns them.
      images: [b, h, w, c] floating point. In training all b of them share the
        batch-norm statistics, under `jit` over all devices.
      train: whether norms use, and update the running ones by, the batch's
        statistics.

    Returns:
      (outputs, batch_stats), the statistics unchanged if not `train`.

    Raises:
      TypeError: images are not floating point.
      ValueError: images have not four axes, or a norm would see only one row.
    """
    features, backbone_stats = self.apply_backbone(
      params["backbone"], batch_stats["backbone"], images, train=train
    )
    projection, head_stats = _apply(
      self.head, params["head"], batch_stats["head"], features, train
    )
    new_stats = {"backbone": backbone_stats, "head": head_stats}
    return Outputs(features, projection), new_stats

  def apply_backbone(
    self, params: Any, batch_stats: Any, images: jax.Array, *, train: bool
  ) -> tuple[jax.Array, Any]:
    """Runs the backbone alone, as evaluations and fine-tuning do.

    Args:
      params: the "backbone" part of the parameters.
      batch_stats: the "backbone" part of the statistics.
      images: [b, h, w, c] floating point.
      train: see `apply`.

    Returns:
      (features [b, f], batch_stats of the backbone).

    Raises:
      TypeError: images are not floating point.
      ValueError: images have not four axes, or a norm would see only one row.
    """
    if images.ndim != 4:
      raise UserError(
        f"images must have the axes [b, h, w, c], got shape {images.shape}."
      )
    if not jnp.issubdtype(images.dtype, jnp.floating):
      raise TypeError(
        f"images must be floating point in [0, 1], got {images.dtype}."
      )
    return _apply(self.backbone, params, batch_stats, images, train)


def _init(
  module: nn.Module, key: jax.Array, input_shape: tuple[int, ...]
) -> dict[str, Any]:
  # Compiled, the forward pass that finds the shapes is dead code; op by op it
  # would run.
  init = jax.jit(module.init, static_argnames="train")
  return init(key, jnp.zeros(input_shape), train=False)


def _apply(
  module: nn.Module, params: Any, batch_stats: Any, x: jax.Array, train: bool
) -> tuple[jax.Array, Any]:
  variables = {"params": params, "batch_stats": batch_stats}
  mutable = ["batch_stats"] if train else []
  outputs, updates = module.apply(variables, x, train=train, mutable=mutable)
  return outputs, updates.get("batch_stats", batch_stats)
