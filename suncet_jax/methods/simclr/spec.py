"""Spec of SimCLR."""

from typing import Any

from suncet_jax.fields import POSITIVE, Field
from suncet_jax.plugins import Groups, MethodSpec, Series

ENCODER = "What the encoder learns"


class SimCLRSpec(MethodSpec):
  """NT-Xent between two views of unlabelled images."""

  title = "SimCLR"
  rows = ("images", "clips")
  summary = "NT-Xent of unlabelled images (Chen et al. 2020, arXiv 2002.05709)."
  fields = {
    "temperature": Field(0.1, "Temperature of the losses.", POSITIVE),
    "stop_gradient_keys": Field(
      False,
      "Whether keys are constants in the gradient, as in upstream's NT-Xent.",
    ),
  }
  series = (
    Series("ntxent", "NT-Xent", "Losses", unit="nats", line="ntxent {:.3f}"),
    Series(
      "contrastive_accuracy", "contrastive accuracy", ENCODER, kind="percent"
    ),
    Series("alignment", "alignment (lower: views agree)", ENCODER),
    Series("uniformity", "uniformity (lower: spread out)", ENCODER),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns two views, and the small ones, of each unlabelled image."""
    del epoch
    return Groups(
      unlabelled=("view",) * 2 + ("small",) * config.multicrop.views
    )


SPEC = SimCLRSpec()
