"""The protocol of a method: what a training step optimises."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
from flax import struct

from suncet_jax.data.augment import Augmentation
from suncet_jax.models import Outputs


@dataclasses.dataclass(frozen=True)
class BatchSpec:
  """The images that one step needs; hashable, so that jit may specialise.

  Attributes:
    unlabelled: One augmentation per view of each unlabelled image. Views may
      differ in size (several crop sizes) or strength (weak and strong).
    labelled: The same for labelled images; empty: none are loaded.
  """

  unlabelled: tuple[Augmentation, ...]
  labelled: tuple[Augmentation, ...] = ()


@struct.dataclass
class Views:
  """The augmented images of a step.

  Attributes:
    unlabelled: Per view of the plan, float32 [b, h, w, c].
    labelled: Per view of the plan, float32 [l, h, w, c].
    labels: int32 [l], or None when the plan has no labelled view.
  """

  unlabelled: tuple[jax.Array, ...]
  labelled: tuple[jax.Array, ...]
  labels: jax.Array | None


class StepOutput(NamedTuple):
  """What a loss gives besides its value.

  Attributes:
    batch_stats: The new running statistics of the encoder.
    metrics: Scalars to log, by name.
    aux: Whatever `Method.update` needs, such as embeddings to enqueue.
  """

  batch_stats: Any
  metrics: dict[str, jax.Array]
  aux: Any = ()


# (params, batch_stats, views) -> (one Outputs per view, new batch_stats). Views
# of equal size go through the network in one forward pass, in training mode.
Encode = Callable[[Any, Any, Sequence[jax.Array]], tuple[list[Outputs], Any]]


class Method(Protocol):
  """What a step optimises. All but `plan` is pure and runs inside jit."""

  def plan(self, epoch: int) -> BatchSpec:
    """Returns what the steps of an epoch need.

    The step is compiled once per distinct plan.
    """
    ...

  def init(self, params: Any, batch_stats: Any) -> Any:
    """Returns the method's own state, e.g. a momentum encoder; () if none."""
    ...

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the loss to differentiate by `params`, and what goes with it.

    Args:
      params: Of the encoder.
      batch_stats: Running statistics of the encoder.
      method_state: The method's own state, constant in this step.
      views: The images that the plan asked for.
      encode: Runs the encoder in training mode.
    """
    ...

  def update(self, method_state: Any, params: Any, aux: Any) -> Any:
    """Returns the method's state after the step that led to `params`."""
    ...
