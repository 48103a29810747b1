"""SimCLR + SuNCEt: labels of a few images pull their classes together."""

import dataclasses
from typing import Any

import jax

from suncet_jax import losses
from suncet_jax.devices.mesh import over_rows
from suncet_jax.methods.base import BatchSpec, Encode, StepOutput, Views
from suncet_jax.methods.encode import pack
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.models import Outputs


@dataclasses.dataclass(frozen=True)
class SuNCEt:
  """Assran et al. 2020, arXiv 2006.10803: NT-Xent + SuNCEt.

  Attributes:
    simclr: The part without labels; temperature and mesh serve both losses.
    weight: Factor of SuNCEt.
    supervised_epochs: From this epoch on labelled images are neither loaded
      nor forwarded; -1: they are used until the end.
    labelled_views: Views per labelled image.
  """

  simclr: SimCLR
  weight: float = 1.0
  supervised_epochs: int = -1
  labelled_views: int = 1

  def plan(self, epoch: int) -> BatchSpec:
    """SimCLR's views, and while labels are in use the labelled ones."""
    plan = self.simclr.plan(epoch)
    if 0 <= self.supervised_epochs <= epoch:
      return plan
    labelled = (self.simclr.augmentation,) * self.labelled_views
    return dataclasses.replace(plan, labelled=labelled)

  def init(self, params: Any, batch_stats: Any) -> Any:
    """SuNCEt has no state of its own."""
    return self.simclr.init(params, batch_stats)

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
  ) -> tuple[jax.Array, StepOutput]:
    """NT-Xent + weight * SuNCEt, all rows in one forward pass."""
    if not views.labelled:
      return self.simclr.loss(params, batch_stats, method_state, views, encode)
    outputs, batch_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    count = len(views.unlabelled)
    ntxent, metrics = self.simclr.contrast(outputs[:count])
    suncet = self._supervise(outputs[count:], views.labels)
    return ntxent + self.weight * suncet, StepOutput(
      batch_stats, {**metrics, "suncet": suncet}
    )

  def update(self, method_state: Any, params: Any, aux: Any) -> Any:
    """SuNCEt has no state of its own."""
    return self.simclr.update(method_state, params, aux)

  def _supervise(
    self, outputs: list[Outputs], labels: jax.Array | None
  ) -> jax.Array:
    devices = self.simclr.mesh.size

    def suncet(*rows: jax.Array, **mapped: Any) -> jax.Array:
      return losses.suncet(
        *rows,
        temperature=self.simclr.temperature,
        stop_gradient_keys=self.simclr.stop_gradient_keys,
        **mapped,
      )

    return over_rows(self.simclr.mesh, suncet)(
      pack([out.projection for out in outputs], devices),
      pack([labels] * len(outputs), devices),
    )
