"""Spec of SimCLR + SuNCEt."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.fields import NOT_NEGATIVE, Field, at_least
from suncet_jax.methods.simclr.spec import SPEC as SIMCLR
from suncet_jax.plugins import Groups, MethodSpec, Series

SERIES = Series("suncet", "SuNCEt", "Losses", unit="nats", line="suncet {:.3f}")


class SuNCEtSpec(MethodSpec):
  """NT-Xent of unlabelled images + SuNCEt of labelled ones."""

  title = "SimCLR + SuNCEt"
  rows = ("images", "clips")
  summary = "NT-Xent + SuNCEt (Assran et al. 2020, arXiv 2006.10803)."
  fields = {
    **SIMCLR.fields,
    "suncet_weight": Field(1.0, "Factor of SuNCEt in the sum.", NOT_NEGATIVE),
    "supervised_epochs": Field(
      -1,
      "From this epoch on labelled images are neither loaded nor forwarded; "
      "-1: they are used until the end.",
      at_least(-1, "-1 (until the end) or an epoch >= 0"),
    ),
  }
  series = (*SIMCLR.series, SERIES)

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns SimCLR's views, and while labels are in use the labelled ones."""
    groups = SIMCLR.groups(config, epoch)
    if 0 <= config.method.supervised_epochs <= epoch:
      return groups
    return groups._replace(labelled=("view",) * config.data.labelled.views)

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what leaves labelled rows without a positive."""
    labelled = config.data.labelled
    if labelled.views == 1 and labelled.images_per_class == 1:
      yield (
        "data.labelled.images_per_class and data.labelled.views are both 1, so "
        "no labelled row has a positive; expected at least 2 in one of them."
      )


SPEC = SuNCEtSpec()
