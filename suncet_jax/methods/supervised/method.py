"""Supervised training on the labelled images alone: the baseline."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.models import Outputs


@dataclasses.dataclass(frozen=True)
class Supervised(Method):
  """Cross-entropy of the labelled images; the baseline of other methods.

  No unlabelled image is loaded, yet an epoch has as many steps as the other
  methods' epochs have.
  """

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the mean cross-entropy of all views, in nats."""
    del method_state, moment
    outputs, batch_stats = encode(params, batch_stats, views.labelled)
    value, metrics = classify(outputs, views.labels, encode)
    return value, StepOutput(batch_stats, metrics)


def classify(
  outputs: list[Outputs], labels: jax.Array | None, encode: Encode
) -> tuple[jax.Array, dict[str, jax.Array]]:
  """Returns the mean cross-entropy of labelled views, and what to log of it.

  Args:
    outputs: Outputs of the views, with "logits" of each row.
    labels: Labels of the rows of a view, int32 [l].
    encode: Encoder that the outputs are of.
  """
  logits = encode.join([out["logits"] for out in outputs])
  truth = encode.join([labels] * len(outputs))
  value = optax.softmax_cross_entropy_with_integer_labels(logits, truth).mean()
  is_right = jnp.argmax(logits, axis=-1) == truth
  return value, {"cross_entropy": value, "train_top1": is_right.mean()}


def build(config: ConfigDict, class_count: int) -> Supervised:
  """Builds supervised training; it has no settings of its own."""
  del config, class_count
  return Supervised()
