"""Functions from images to features, projections or classes."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax import models
from suncet_jax.convert.model_fields import build, completed
from suncet_jax.convert.weights import (
  CLASSIFIER_ARRAYS,
  Classifier,
  Images,
  Weights,
)
from suncet_jax.data.augment import Augmentation, to_float
from suncet_jax.evals.linear import LinearProbe
from suncet_jax.models.model import Network

Features = Callable[[Any, Any, Any], jax.Array]
Probabilities = Callable[[Any, dict[str, Any], Any], jax.Array]


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
    made, _ = model.apply_features(
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


def make_probabilities(weights: Weights) -> Probabilities:
  """Returns a function from variables and images to probabilities.

  Args:
    weights: Weights with a classifier.

  Returns:
    Function ((params, batch_stats), arrays of the classifier, images
    [b, h, w, c]) -> calibrated probabilities [b, classes], float32.
  """
  classifier = weights.classifier
  assert classifier is not None
  inputs = _below_classifier(weights, classifier)
  temperature = classifier.temperature

  def probabilities(
    variables: Any, arrays: dict[str, Any], images: jax.Array
  ) -> jax.Array:
    params, batch_stats = variables
    made = inputs(params, batch_stats, images)
    if arrays:
      kernel, bias, mean, scale = (arrays[name] for name in CLASSIFIER_ARRAYS)
      probe = LinearProbe(kernel, bias, mean, scale, losses=jnp.zeros(0))
      made = probe.scores(made)
    return jax.nn.softmax(made.astype(jnp.float32) / temperature)

  return probabilities


def _below_classifier(weights: Weights, classifier: Classifier) -> Features:
  """Returns the function from images to the inputs of the kernel."""
  if not classifier.arrays:
    return make_projection(weights)
  features, layers = make_features(weights), classifier.head_layers
  if not layers:
    return features
  whole = build_model(weights).heads["projection"].network
  head = Network(whole.module.clone(stop_after=layers))

  def hidden(params: Any, batch_stats: Any, images: jax.Array) -> jax.Array:
    made, _ = head.apply(
      params["head"],
      batch_stats["head"],
      features(params, batch_stats, images),
      train=False,
    )
    return made

  return hidden


def build_model(weights: Weights) -> models.Model:
  """Returns the model that the weights belong to."""
  return build(completed(weights.model), weights.precision)


def _augmentation(images: Images) -> Augmentation:
  return Augmentation(
    size=images.size, crop_scale=None, mean=images.mean, std=images.std
  )
