"""Spec of CoMatch."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import (
  BELOW_ONE,
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Field,
)
from suncet_jax.methods.fixmatch.spec import (
  CONFIDENT,
  PREDICTION_ENTROPY,
  classifier,
  pseudo_label_symptoms,
)
from suncet_jax.methods.supervised.spec import SPEC as SUPERVISED
from suncet_jax.plugins import Encoded, Groups, MethodSpec, Series, Symptom


class CoMatchSpec(MethodSpec):
  """Cross-entropy of labels and of soft pseudo-labels, and their graph."""

  title = "CoMatch"
  summary = (
    "Cross-entropy of labels + that of smoothed pseudo-labels + contrast by "
    "their graph (Li et al. 2021, arXiv 2011.11183)."
  )
  predictor = "classifier"
  fields = {
    "threshold": Field(0.95, "Least confidence of a pseudo-label.", FRACTION),
    "unlabelled_weight": Field(
      1.0, "Factor of the pseudo-labels' cross-entropy.", NOT_NEGATIVE
    ),
    "graph_weight": Field(
      1.0,
      "Factor of the graph's loss; 0: no graph, and no third view.",
      NOT_NEGATIVE,
    ),
    "graph_weight_per_epoch": Field(
      0.0,
      "Rise of graph_weight per epoch up to its value, from the first on; 0: "
      "it is constant.",
      NOT_NEGATIVE,
    ),
    "graph_threshold": Field(
      0.8, "Least agreement of pseudo-labels of neighbours.", FRACTION
    ),
    "temperature": Field(
      0.2, "Temperature of similarities of embeddings.", POSITIVE
    ),
    "smoothing": Field(
      0.9,
      "Share of an image's own prediction in its pseudo-label, besides those "
      "of similar rows of the bank; 1: no bank.",
      FRACTION,
    ),
    "bank_rows": Field(
      0, "Rows of the bank; 0: as many as five steps have.", NOT_NEGATIVE
    ),
    "align_steps": Field(
      32,
      "Predictions are divided by their mean over so many steps, which makes "
      "classes equally frequent; 0: they are not.",
      NOT_NEGATIVE,
    ),
    "momentum_encoder": Field(
      False,
      "Whether an average of the encoder, with a second bank for the graph, "
      "makes the pseudo-labels (the paper's form for ImageNet).",
    ),
    "momentum": Field(0.996, "Decay of that average, per step ...", BELOW_ONE),
    "first_momentum": Field(
      0.99, "... and that in the first epoch.", BELOW_ONE
    ),
  }
  views = ("weak", "strong")
  series = (
    *SUPERVISED.series,
    Series(
      "comatch_consistency",
      "CoMatch: consistency with pseudo-labels",
      "Losses",
      unit="nats",
    ),
    Series(
      "comatch_graph", "CoMatch: contrast by the graph", "Losses", unit="nats"
    ),
    CONFIDENT,
    PREDICTION_ENTROPY,
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns weak, strong and, for the graph, SimCLR's views."""
    del epoch
    third = ("view",) if config.method.graph_weight else ()
    return Groups(
      unlabelled=("weak", "strong", *third),
      labelled=("weak",) * config.data.labelled.views,
    )

  def encoded(self, config: Any, epoch: int) -> Encoded:
    """Returns who encodes which views: with a momentum encoder, both do."""
    groups = self.groups(config, epoch)
    if not config.method.momentum_encoder:
      return Encoded(groups)
    weak, strong, *third = groups.unlabelled
    return Encoded(
      Groups((strong,), groups.labelled),
      Groups((weak, *third), groups.labelled),
    )

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns a classifier and, where embeddings are used, a projection."""
    heads = {"logits": classifier(class_count)}
    if config.method.graph_weight or config.method.smoothing < 1:
      has_teacher = config.method.momentum_encoder
      heads["projection"] = MLP.from_config(config.model.head)._replace(
        activation="relu" if has_teacher else "leaky_relu"
      )
    return heads

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns the signs of pseudo-labels that are of no use."""
    return pseudo_label_symptoms(config.method.threshold, class_count)

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what has no effect, and would be taken for one that has."""
    method = config.method
    if (
      method.smoothing == 1
      and method.bank_rows
      and not (method.momentum_encoder and method.graph_weight)
    ):
      yield (
        f"method.bank_rows is {method.bank_rows}, but with method.smoothing=1 "
        "there is no bank: leave 0, or lower method.smoothing."
      )


SPEC = CoMatchSpec()
