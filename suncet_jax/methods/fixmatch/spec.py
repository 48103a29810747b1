"""Spec of FixMatch."""

import math
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import FRACTION, NOT_NEGATIVE, Field
from suncet_jax.methods.supervised.spec import SPEC as SUPERVISED
from suncet_jax.plugins import Groups, MethodSpec, Series, Symptom

PSEUDO_LABELS = "Pseudo-labels"
CONFIDENT = Series(
  "confident",
  "share of confident pseudo-labels",
  PSEUDO_LABELS,
  kind="percent",
  line="confident {:.0%}",
)
PREDICTION_ENTROPY = Series(
  "prediction_entropy",
  "entropy of the mean prediction (lower: fewer classes)",
  PSEUDO_LABELS,
  unit="nats",
)


class FixMatchSpec(MethodSpec):
  """Cross-entropy of labels, and of confident pseudo-labels."""

  title = "FixMatch"
  summary = (
    "Cross-entropy of labels + that of confident pseudo-labels (Sohn et al. "
    "2020, arXiv 2001.07685)."
  )
  predictor = "classifier"
  fields = {
    "threshold": Field(
      0.95, "Least confidence of a pseudo-label, from a weak view.", FRACTION
    ),
    "unlabelled_weight": Field(
      1.0, "Factor of the unlabelled images' loss in the sum.", NOT_NEGATIVE
    ),
  }
  views = ("weak", "strong")
  series = (
    *SUPERVISED.series,
    Series("fixmatch", "FixMatch", "Losses", unit="nats"),
    CONFIDENT,
    PREDICTION_ENTROPY,
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns a weak and a strong view of unlabelled images, weak labelled."""
    del epoch
    return Groups(
      unlabelled=("weak", "strong"),
      labelled=("weak",) * config.data.labelled.views,
    )

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns a linear classifier on the features."""
    del config
    return {"logits": classifier(class_count)}

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns the signs of pseudo-labels that are of no use."""
    return pseudo_label_symptoms(config.method.threshold, class_count)


def classifier(class_count: int) -> MLP:
  """Returns the head of FixMatch: linear, Glorot's kernel, biases of 0.

  Args:
    class_count: Number of classes.
  """
  return MLP(layers=1, out=class_count, init="glorot")


def pseudo_label_symptoms(
  threshold: float, class_count: int
) -> tuple[Symptom, ...]:
  """Returns the signs of pseudo-labels that are of no use.

  Args:
    threshold: Least confidence of a pseudo-label.
    class_count: Number of classes.
  """
  return (
    Symptom(
      CONFIDENT.name,
      lambda value: value < 0.001,
      f"No pseudo-label reaches the confidence {threshold}, so the unlabelled "
      "images teach nothing. The first steps are like that; later, lower "
      "--config.method.threshold or --config.optim.peak_lr.",
      share=0.2,
    ),
    one_class(
      class_count,
      "Raise --config.method.threshold, or lower --config.optim.peak_lr.",
    ),
  )


def one_class(class_count: int, advice: str) -> Symptom:
  """Returns the sign of predictions that are all of one class.

  Args:
    class_count: Number of classes.
    advice: Sentence on what to change.
  """
  even = math.log(class_count)
  return Symptom(
    PREDICTION_ENTROPY.name,
    lambda value: value < 0.1 * even,
    "Nearly all unlabelled images are predicted to be of one class, an entropy "
    f"of 0; {class_count} equally frequent classes have {even:.2f}. {advice}",
  )


SPEC = FixMatchSpec()
