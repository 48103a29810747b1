"""Spec of supervised training."""

from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import Field, one_of
from suncet_jax.plugins import Groups, MethodSpec, Series


class SupervisedSpec(MethodSpec):
  """Cross-entropy of the labelled images alone."""

  title = "labels alone"
  summary = "Cross-entropy of the labelled images: the baseline without others."
  fields = {
    "view": Field(
      "view",
      'Kind of the views: "view" (config.augment), "weak" or "strong".',
      one_of("view", "weak", "strong"),
    ),
  }
  rows = ("images", "clips")
  views = ("weak", "strong")
  predictor = "classifier"
  series = (
    Series("cross_entropy", "cross-entropy", "Losses", unit="nats"),
    Series(
      "train_top1",
      "accuracy in training batches",
      "Accuracy during training",
      kind="percent",
      line="train {:.1%}",
    ),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns the views of each labelled image; no other is loaded."""
    del epoch
    return Groups(labelled=(config.method.view,) * config.data.labelled.views)

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns a linear classifier on the features."""
    del config
    return {"logits": MLP(layers=1, out=class_count)}


SPEC = SupervisedSpec()
