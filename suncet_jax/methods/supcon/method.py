"""SupCon: views of a class attract each other."""

import dataclasses
import functools
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views


@dataclasses.dataclass(frozen=True)
class SupCon(Method):
  """Khosla et al. 2020, arXiv 2004.11362, equation 2: all views are anchors.

  Positives of a row are the other views of its image and the views of all
  images of its class. The labelled images alone are used.

  Attributes:
    temperature: Temperature of the loss.
    base_temperature: The loss is scaled by temperature / base_temperature; 0:
      it is not scaled.
  """

  temperature: float = 0.1
  base_temperature: float = 0.0

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns SupCon of the projections of all views."""
    del method_state, moment
    outputs, batch_stats = encode(params, batch_stats, views.labelled)
    supcon = functools.partial(losses.supcon, temperature=self.temperature)
    value = encode.over_rows(supcon)(
      encode.join([out["projection"] for out in outputs]),
      encode.join([views.labels] * len(outputs)),
    )
    scale = self.temperature / (self.base_temperature or self.temperature)
    return scale * value, StepOutput(batch_stats, {"supcon": value})


def build(config: ConfigDict, class_count: int) -> SupCon:
  """Builds SupCon from `config.method`."""
  del class_count
  return SupCon(config.method.temperature, config.method.base_temperature)
