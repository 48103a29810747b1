"""SimCLR: NT-Xent between two views of unlabelled images."""

import dataclasses
import functools
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.models import Outputs


@dataclasses.dataclass(frozen=True)
class SimCLR(Method):
  """Chen et al. 2020, arXiv 2002.05709: instance discrimination, no labels.

  With further, small views (multi-crop, SwAV, arXiv 2006.09882) the loss is the
  mean over all pairs of views of which at least one is large.

  Attributes:
    temperature: Temperature of NT-Xent.
    stop_gradient_keys: Whether keys are constants in the gradient.
  """

  temperature: float = 0.1
  stop_gradient_keys: bool = False

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns NT-Xent of the projections of the views."""
    del method_state, moment
    outputs, batch_stats = encode(params, batch_stats, views.unlabelled)
    value, metrics = self.contrast(outputs, encode)
    return value, StepOutput(batch_stats, metrics)

  def contrast(
    self, outputs: list[Outputs], encode: Encode
  ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Returns NT-Xent of the views, and metrics of how well they match."""
    first, second, *small = (out["projection"] for out in outputs)
    ntxent = functools.partial(
      losses.ntxent,
      temperature=self.temperature,
      stop_gradient_keys=self.stop_gradient_keys,
    )
    pairs = [(first, second)]
    pairs += [(large, view) for view in small for large in (first, second)]
    each = [encode.over_rows(ntxent)(*pair) for pair in pairs]
    seen = jax.lax.stop_gradient((first, second))
    accuracy = encode.over_rows(losses.contrastive_accuracy)(*seen)
    value = sum(each[1:], start=each[0]) / len(each)
    return value, {
      "ntxent": value,
      "contrastive_accuracy": accuracy,
      "alignment": encode.over_rows(losses.alignment)(*seen),
      "uniformity": encode.over_rows(losses.uniformity)(seen[0]),
    }


def build(config: ConfigDict, class_count: int) -> SimCLR:
  """Builds SimCLR from `config.method`."""
  del class_count
  return SimCLR(config.method.temperature, config.method.stop_gradient_keys)
