"""SimCLR + SuNCEt: labels of a few images pull their classes together."""

import dataclasses
import functools
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.simclr.method import build as build_simclr


@dataclasses.dataclass(frozen=True)
class SuNCEt(Method):
  """Assran et al. 2020, arXiv 2006.10803: NT-Xent + SuNCEt.

  Attributes:
    simclr: Part without labels; its temperature serves both losses.
    weight: Factor of SuNCEt.
  """

  simclr: SimCLR
  weight: float = 1.0

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns NT-Xent + weight * SuNCEt, all rows in one forward pass.

    Without labelled views, after the switch-off, it is SimCLR.
    """
    if not views.labelled:
      return self.simclr.loss(
        params, batch_stats, method_state, views, encode, moment
      )
    outputs, batch_stats = encode(
      params, batch_stats, (*views.unlabelled, *views.labelled)
    )
    count = len(views.unlabelled)
    ntxent, metrics = self.simclr.contrast(outputs[:count], encode)
    suncet = functools.partial(
      losses.suncet,
      temperature=self.simclr.temperature,
      stop_gradient_keys=self.simclr.stop_gradient_keys,
    )
    labelled = outputs[count:]
    value = encode.over_rows(suncet)(
      encode.join([out["projection"] for out in labelled]),
      encode.join([views.labels] * len(labelled)),
    )
    return ntxent + self.weight * value, StepOutput(
      batch_stats, {**metrics, "suncet": value}
    )


def build(config: ConfigDict, class_count: int) -> SuNCEt:
  """Builds SimCLR + SuNCEt from `config.method`."""
  simclr = build_simclr(config, class_count)
  return SuNCEt(simclr, config.method.suncet_weight)
