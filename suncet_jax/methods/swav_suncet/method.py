"""SwAV + SuNCEt: labels of a few images pull their classes together."""

import dataclasses
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.suncet.method import suncet_of
from suncet_jax.methods.swav.method import SwAV
from suncet_jax.methods.swav.method import build as build_swav


@dataclasses.dataclass(frozen=True)
class SwAVSuNCEt(Method):
  """SwAV (arXiv 2006.09882) + SuNCEt (arXiv 2006.10803).

  How they go together is a choice of this project: of the published
  combination one figure is known (70.8 % top-1 on ImageNet with 10 % of the
  labels after 400 epochs, unverified), and no recipe. Labelled rows share the
  forward pass; they enter neither the assignments nor the queue nor the
  predictions.

  Attributes:
    swav: Part without labels.
    temperature: Temperature of SuNCEt.
    weight: Factor of SuNCEt.
  """

  swav: SwAV
  temperature: float = 0.1
  weight: float = 1.0

  def init(self, params: Any, batch_stats: Any) -> tuple[Any, Any]:
    """Returns SwAV's parameters and state."""
    return self.swav.init(params, batch_stats)

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns SwAV + weight * SuNCEt, all rows in one forward pass.

    Without labelled views, after the switch-off, it is SwAV.
    """
    if not views.labelled:
      return self.swav.loss(
        params, batch_stats, method_state, views, encode, moment
      )
    outputs, batch_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    count = len(views.unlabelled)
    swav, metrics, aux = self.swav.swap(
      outputs[:count], params, method_state, moment
    )
    suncet = suncet_of(
      outputs[count:], views.labels, encode, temperature=self.temperature
    )
    return swav + self.weight * suncet, StepOutput(
      batch_stats, {**metrics, "suncet": suncet}, aux
    )

  def update(
    self, params: Any, method_state: Any, aux: Any, moment: Moment
  ) -> tuple[Any, Any]:
    """Returns SwAV's parameters and state after the optimizer."""
    return self.swav.update(params, method_state, aux, moment)


def build(config: ConfigDict, class_count: int) -> SwAVSuNCEt:
  """Builds SwAV + SuNCEt from `config.method`."""
  return SwAVSuNCEt(
    swav=build_swav(config, class_count),
    temperature=config.method.suncet_temperature,
    weight=config.method.suncet_weight,
  )
