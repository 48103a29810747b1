"""Functions from images to features or projections for given weights."""

from collections.abc import Callable
from typing import Any

import jax

from suncet_jax import models
from suncet_jax.convert.model_fields import build, completed
from suncet_jax.convert.weights import Images, Weights
from suncet_jax.data.augment import Augmentation, to_float

Features = Callable[[Any, Any, Any], jax.Array]


def make_features(weights: Weights) -> Features:
  """Returns a function from variables and images to features.

  Args:
    weights: Weights that tell the model and how images are normalised.

  Returns:
    Function (params, batch_stats, images [b, h, w, c]) -> features [b, d].
  """
  model = build_model(weights)
  augmentation = _augmentation(weights.images)

  def features(params: Any, batch_stats: Any, images: jax.Array) -> jax.Array:
    made, _ = model.apply_backbone(
      params["backbone"],
      batch_stats["backbone"],
      to_float(images, augmentation, size=weights.images.evaluated),
      train=False,
    )
    return made

  return features


def make_projection(weights: Weights) -> Features:
  """Returns a function from variables and images to projections [b, d]."""
  model = build_model(weights)
  augmentation = _augmentation(weights.images)

  def projection(params: Any, batch_stats: Any, images: jax.Array) -> jax.Array:
    prepared = to_float(images, augmentation, size=weights.images.evaluated)
    outputs, _ = model.apply(params, batch_stats, prepared, train=False)
    return outputs["projection"]

  return projection


def build_model(weights: Weights) -> models.Model:
  """Returns the model that the weights belong to."""
  return build(completed(weights.model), weights.precision)


def _augmentation(images: Images) -> Augmentation:
  return Augmentation(
    size=images.size, crop_scale=None, mean=images.mean, std=images.std
  )
