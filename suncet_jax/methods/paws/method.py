"""PAWS: views predict one another's soft nearest labelled neighbours."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.paws.spec import classes_per_step
from suncet_jax.models import Outputs

# Share of the classes that a support should have; 960 of 1,000 in the paper.
_ENOUGH_CLASSES = 0.9


@dataclasses.dataclass(frozen=True)
class PAWS(Method):
  """Assran et al. 2021, arXiv 2104.13963.

  Labelled images are the support: every view of an unlabelled image predicts a
  class by its similarity to them. The first two views, which are large, are the
  targets of each other, their mean is that of the small views. Targets are
  predicted by projections; anchors, too, or by the head "prediction".

  Attributes:
    class_count: Number of classes.
    temperature: Temperature of similarities.
    sharpening: Temperature of targets.
    label_smoothing: Share of a label that is spread over all classes.
    prediction_head: Whether anchors are outputs of the head "prediction".
  """

  class_count: int
  temperature: float = 0.1
  sharpening: float = 0.25
  label_smoothing: float = 0.1
  prediction_head: bool = False

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the sum of both terms; support and large views share a pass."""
    del method_state, moment
    outputs, batch_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    count = len(views.unlabelled)
    anchors, support = outputs[:count], outputs[count:]
    labels = encode.join([views.labels] * len(support))
    terms = self._terms(anchors, support, labels, encode)
    first = jax.lax.stop_gradient(anchors[0]["projection"])
    value = terms.consistency + terms.negative_entropy
    return value, StepOutput(
      batch_stats,
      {
        "paws_consistency": terms.consistency,
        "paws_mean_entropy": -terms.negative_entropy,
        "uniformity": encode.over_rows(losses.uniformity)(first),
      },
    )

  def _terms(
    self,
    anchors: list[Outputs],
    support: list[Outputs],
    labels: jax.Array,
    encode: Encode,
  ) -> losses.PawsTerms:
    """Returns the terms of the loss, over the rows of all devices."""
    arrays: list[Any] = [
      *_rows(anchors, support, encode, self._anchor_head),
      labels,
    ]
    if self.prediction_head:
      arrays += _rows(anchors[:2], support, encode, "projection")

    def terms(*rows: Any, axis_name: str | None = None) -> jax.Array:
      found = losses.paws_terms(
        *rows,
        class_count=self.class_count,
        temperature=self.temperature,
        sharpening=self.sharpening,
        label_smoothing=self.label_smoothing,
        axis_name=axis_name,
      )
      return jnp.stack(found)

    return losses.PawsTerms(*encode.over_rows(terms)(*arrays))

  @property
  def _anchor_head(self) -> str:
    return "prediction" if self.prediction_head else "projection"


def build(config: ConfigDict, class_count: int) -> PAWS:
  """Builds PAWS from `config.method`; warns if a support lacks many classes."""
  classes = classes_per_step(config, class_count)
  if classes < _ENOUGH_CLASSES * class_count:
    logging.warning(
      "The support of a step has %d of %d classes, and an image of any other "
      "is taught a wrong one. Raise data.labelled.classes_per_batch.",
      classes,
      class_count,
    )
  fields = {k: v for k, v in config.method.items() if k != "name"}
  return PAWS(class_count, **fields)


def _rows(
  views: list[Outputs], support: list[Outputs], encode: Encode, head: str
) -> tuple[list[jax.Array], jax.Array]:
  """Returns a head's outputs for each view, and for all of the support."""
  return (
    [out[head] for out in views],
    encode.join([out[head] for out in support]),
  )
