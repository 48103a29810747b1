"""SimCLR + SuNCEt: labels of a few images pull their classes together."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.simclr.method import SimCLR
from suncet_jax.methods.simclr.method import build as build_simclr
from suncet_jax.models import Outputs


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
    value = suncet_of(
      outputs[count:],
      views.labels,
      encode,
      temperature=self.simclr.temperature,
      stop_gradient_keys=self.simclr.stop_gradient_keys,
    )
    return ntxent + self.weight * value, StepOutput(
      batch_stats, {**metrics, "suncet": value}
    )


def suncet_of(
  outputs: Sequence[Outputs],
  labels: jax.Array | None,
  encode: Encode,
  **options: Any,
) -> jax.Array:
  """Returns SuNCEt of the projections of all labelled views together.

  Args:
    outputs: Outputs of the labelled views.
    labels: Labels of the rows of a view.
    encode: Encoder that made the outputs.
    **options: Options of `losses.suncet`.
  """
  return encode.over_rows(functools.partial(losses.suncet, **options))(
    encode.join([out["projection"] for out in outputs]),
    encode.join([labels] * len(outputs)),
  )


def build(config: ConfigDict, class_count: int) -> SuNCEt:
  """Builds SimCLR + SuNCEt from `config.method`."""
  simclr = build_simclr(config, class_count)
  return SuNCEt(simclr, config.method.suncet_weight)
