"""FixMatch: confident predictions of weak views label strong ones."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import entr
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.supervised.method import classify


@dataclasses.dataclass(frozen=True)
class FixMatch(Method):
  """Sohn et al. 2020, arXiv 2001.07685.

  Attributes:
    threshold: Least confidence of a pseudo-label.
    unlabelled_weight: Factor of the unlabelled images' loss.
  """

  threshold: float = 0.95
  unlabelled_weight: float = 1.0

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns cross-entropy + weight * FixMatch, all rows in one pass."""
    del method_state, moment
    outputs, batch_stats = encode(
      params, batch_stats, (*views.labelled, *views.unlabelled)
    )
    *labelled, weak, strong = outputs
    cross_entropy, metrics = classify(labelled, views.labels, encode)
    fixmatch = functools.partial(losses.fixmatch, threshold=self.threshold)
    value = encode.over_rows(fixmatch)(weak["logits"], strong["logits"])
    predicted = jax.nn.softmax(jax.lax.stop_gradient(weak["logits"]))
    metrics |= {
      "fixmatch": value,
      **pseudo_label_metrics(predicted, predicted.mean(axis=0), self.threshold),
    }
    return cross_entropy + self.unlabelled_weight * value, StepOutput(
      batch_stats, metrics
    )


def pseudo_label_metrics(
  pseudo_labels: jax.Array, mean: jax.Array, threshold: float
) -> dict[str, jax.Array]:
  """Returns how many pseudo-labels are of use, and whether all classes occur.

  Args:
    pseudo_labels: Probabilities [n, c].
    mean: Mean prediction [c], of this step or of several.
    threshold: Least confidence of a pseudo-label.
  """
  return {
    "confident": jnp.mean(pseudo_labels.max(axis=1) >= threshold),
    "prediction_entropy": entr(mean).sum(),
  }


def build(config: ConfigDict, class_count: int) -> FixMatch:
  """Builds FixMatch from `config.method`."""
  del class_count
  return FixMatch(config.method.threshold, config.method.unlabelled_weight)
