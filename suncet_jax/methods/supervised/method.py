"""Supervised training on the labelled images alone: the baseline."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from suncet_jax.data.augment import Augmentation
from suncet_jax.methods.base import BatchSpec, Encode, StepOutput, Views
from suncet_jax.methods.encode import pack


@dataclasses.dataclass(frozen=True)
class Supervised:
  """Cross-entropy of the labelled images; what the others have to beat.

  The head of the model is a linear classifier: its outputs are the logits. No
  unlabelled image is loaded, yet an epoch has as many steps as the other
  methods' epochs have.

  Attributes:
    augmentation: Of each view.
    mesh: The devices that rows are spread over.
    labelled_views: Views per labelled image.
  """

  augmentation: Augmentation
  mesh: jax.sharding.Mesh
  labelled_views: int = 1

  def plan(self, epoch: int) -> BatchSpec:
    """The labelled images only, in every epoch."""
    del epoch
    return BatchSpec((), (self.augmentation,) * self.labelled_views)

  def init(self, params: Any, batch_stats: Any) -> tuple[()]:
    """It has no state of its own."""
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
    """Mean cross-entropy of all views, in nats."""
    del method_state
    outputs, batch_stats = encode(params, batch_stats, views.labelled)
    logits = pack([out.projection for out in outputs], self.mesh.size)
    labels = pack([views.labels] * len(outputs), self.mesh.size)
    value = optax.softmax_cross_entropy_with_integer_labels(
      logits, labels
    ).mean()
    is_right = jnp.argmax(logits, axis=-1) == labels
    metrics = {"cross_entropy": value, "train_top1": is_right.mean()}
    return value, StepOutput(batch_stats, metrics)

  def update(self, method_state: Any, params: Any, aux: Any) -> Any:
    """It has no state of its own."""
    del params, aux
    return method_state
