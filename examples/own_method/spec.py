"""What decoupled contrastive learning declares; read before JAX is loaded."""

from typing import Any

from suncet_jax.fields import POSITIVE, Field
from suncet_jax.plugins import Groups, MethodSpec, Series


class DCLSpec(MethodSpec):
  """DCL of two views of unlabelled images."""

  title = "DCL"
  summary = (
    "NT-Xent without the positive in the denominator (Yeh et al. 2021, arXiv "
    "2110.06848)."
  )
  fields = {"temperature": Field(0.1, "Temperature of the loss.", POSITIVE)}
  series = (
    Series("dcl", "DCL", "Losses", unit="nats"),
    Series(
      "positive_cosine",
      "cosine of an image's two views",
      "What the encoder learns",
      line="cosine {:.2f}",
    ),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns two views of each unlabelled image; no labels are needed."""
    del config, epoch
    return Groups(unlabelled=("view", "view"))


SPEC = DCLSpec()
