"""Spec of SwAV + SuNCEt."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.fields import POSITIVE, Field
from suncet_jax.methods.suncet.spec import SERIES
from suncet_jax.methods.suncet.spec import SPEC as SUNCET
from suncet_jax.methods.swav.spec import SPEC as SWAV
from suncet_jax.methods.swav.spec import SwAVSpec
from suncet_jax.plugins import Groups, Series


class SwAVSuNCEtSpec(SwAVSpec):
  """SwAV of unlabelled images + SuNCEt of labelled ones; a recipe of ours."""

  title = "SwAV + SuNCEt"
  summary = (
    "SwAV + SuNCEt of labelled images; the recipe is this project's own (one "
    "figure is public, and no recipe)."
  )
  fields = {
    **SWAV.fields,
    "suncet_temperature": Field(0.1, "Temperature of SuNCEt.", POSITIVE),
    "suncet_weight": SUNCET.fields["suncet_weight"],
    "supervised_epochs": SUNCET.fields["supervised_epochs"],
  }
  series: tuple[Series, ...] = (*SWAV.series, SERIES)

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns SwAV's views, and while labels are in use the labelled ones."""
    return SUNCET.groups(config, epoch)

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the queue or with the labelled rows."""
    yield from super().faults(config)
    yield from SUNCET.faults(config)


SPEC = SwAVSuNCEtSpec()
