"""What SupCon declares."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field
from suncet_jax.plugins import Groups, MethodSpec, Series


class SupConSpec(MethodSpec):
  """SupCon of two views of each labelled image."""

  title = "SupCon"
  summary = (
    "Supervised contrastive learning (Khosla et al. 2020, arXiv 2004.11362); "
    "stage two is fine-tuning with evals.finetune.backbone_scale=0."
  )
  fields = {
    "temperature": Field(0.1, "Temperature tau of the loss.", POSITIVE),
    "base_temperature": Field(
      0.0,
      "The loss is scaled by temperature / base_temperature, a factor that "
      "belongs to the learning rate of a recipe; 0: it is not scaled.",
      NOT_NEGATIVE,
    ),
  }
  series = (
    Series("supcon", "SupCon", "Losses", unit="nats", line="supcon {:.3f}"),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns the views of each labelled image; no other is loaded."""
    del epoch
    return Groups(labelled=("view",) * config.data.labelled.views)

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the number of views."""
    if config.data.labelled.views < 2:
      yield (
        f"data.labelled.views is {config.data.labelled.views}, but SupCon "
        "contrasts views of an image: expected 2."
      )


SPEC = SupConSpec()
