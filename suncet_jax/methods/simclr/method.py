"""SimCLR: NT-Xent between two views of unlabelled images."""

import dataclasses
from typing import Any

import jax

from suncet_jax import losses
from suncet_jax.data.augment import Augmentation
from suncet_jax.devices.mesh import over_rows
from suncet_jax.methods.base import BatchSpec, Encode, StepOutput, Views
from suncet_jax.models import Outputs


@dataclasses.dataclass(frozen=True)
class SimCLR:
  """Chen et al. 2020, arXiv 2002.05709: instance discrimination, no labels.

  With further, small views (multi-crop, SwAV, arXiv 2006.09882) the loss is the
  mean over all pairs of views of which at least one is large.

  Attributes:
    augmentation: Of both views.
    mesh: The devices that rows are spread over.
    temperature: Of NT-Xent.
    stop_gradient_keys: Whether keys are constants in the gradient.
    small_views: Of further views, smaller than the two.
  """

  augmentation: Augmentation
  mesh: jax.sharding.Mesh
  temperature: float = 0.1
  stop_gradient_keys: bool = False
  small_views: tuple[Augmentation, ...] = ()

  def plan(self, epoch: int) -> BatchSpec:
    """The same views of each unlabelled image in every epoch."""
    del epoch
    return BatchSpec(unlabelled=(self.augmentation,) * 2 + self.small_views)

  def init(self, params: Any, batch_stats: Any) -> tuple[()]:
    """SimCLR has no state of its own."""
    del params, batch_stats
    return ()

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
  ) -> tuple[jax.Array, StepOutput]:
    """NT-Xent of the projections of the views."""
    del method_state
    outputs, batch_stats = encode(params, batch_stats, views.unlabelled)
    value, metrics = self.contrast(outputs)
    return value, StepOutput(batch_stats, metrics)

  def update(self, method_state: Any, params: Any, aux: Any) -> Any:
    """SimCLR has no state of its own."""
    del params, aux
    return method_state

  def contrast(
    self, outputs: list[Outputs]
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns NT-Xent of the views, and what tells how well they match."""
    first, second, *small = (out.projection for out in outputs)

    def ntxent(*rows: jax.Array, **mapped: Any) -> jax.Array:
      return losses.ntxent(
        *rows,
        temperature=self.temperature,
        stop_gradient_keys=self.stop_gradient_keys,
        **mapped,
      )

    pairs = [(first, second)]
    pairs += [(large, view) for view in small for large in (first, second)]
    each = [over_rows(self.mesh, ntxent)(*pair) for pair in pairs]
    seen = jax.lax.stop_gradient((first, second))
    accuracy = over_rows(self.mesh, losses.contrastive_accuracy)(*seen)
    value = sum(each[1:], start=each[0]) / len(each)
    return value, {
      "ntxent": value,
      "contrastive_accuracy": accuracy,
      "alignment": over_rows(self.mesh, losses.alignment)(*seen),
      "uniformity": over_rows(self.mesh, losses.uniformity)(seen[0]),
    }
