"""Phases of a training and their cost in images and operations."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.architectures import MLP
from suncet_jax.methods.base import BatchSpec
from suncet_jax.plugins import Groups
from suncet_jax.train.experiment import Experiment

# The gradient needs the products of the forward pass twice: once for the
# inputs of a layer, once for its weights.
_FORWARD_PASSES = 3


@dataclasses.dataclass(frozen=True)
class Phase:
  """Consecutive steps with one batch spec.

  Attributes:
    start: First step.
    stop: Step after the last.
    spec: Batch spec with the views that each step needs.
    images_before: Images encoded before `start`, views counted singly.
    images_per_step: Images that each step encodes.
    flops_before: Estimated floating-point operations before `start`.
    flops_per_step: Estimated floating-point operations of each step.
  """

  start: int
  stop: int
  spec: BatchSpec
  images_before: int
  images_per_step: int
  flops_before: float = 0.0
  flops_per_step: float = 0.0

  def images_at(self, step: int) -> int:
    """Returns the images encoded after `step` steps."""
    return self.images_before + (step - self.start) * self.images_per_step

  def flops_at(self, step: int) -> float:
    """Returns the estimated operations of the first `step` steps."""
    return self.flops_before + (step - self.start) * self.flops_per_step


def phases(experiment: Experiment, *, are_costed: bool = True) -> list[Phase]:
  """Groups consecutive epochs with the same batch spec into phases.

  Args:
    experiment: Experiment that is trained.
    are_costed: Whether operations are counted, for which the network is traced;
      they are 0 otherwise.
  """
  # Each phase compiles the step once.
  parts: list[Phase] = []
  epochs = range(experiment.config.train.epochs)
  images, flops = 0, 0.0
  for spec, members in itertools.groupby(epochs, experiment.batch_spec):
    covered = list(members)
    start = covered[0] * experiment.steps_per_epoch
    stop = (covered[-1] + 1) * experiment.steps_per_epoch
    rows = rows_per_step(experiment, spec)
    cost = flops_per_step(experiment, covered[0]) if are_costed else 0.0
    parts.append(Phase(start, stop, spec, images, rows, flops, cost))
    images, flops = parts[-1].images_at(stop), parts[-1].flops_at(stop)
  return parts


def phase_of(ways: Sequence[Phase], step: int) -> Phase:
  """Returns the phase in which the step was taken that made it so many.

  Args:
    ways: Phases of the whole training.
    step: Number of steps taken, at least 1.
  """
  return next(phase for phase in ways if phase.start < step <= phase.stop)


def rows_per_step(experiment: Experiment, spec: BatchSpec) -> int:
  """Returns the number of images that a step encodes, views counted singly."""
  order, batch_size = experiment.pipeline.order, experiment.pipeline.batch_size
  of_labelled = order.labelled_batch_size * len(spec.labelled)
  return batch_size * len(spec.unlabelled) + of_labelled


def flops_per_step(experiment: Experiment, epoch: int) -> float:
  """Estimates the floating-point operations of a step of an epoch."""
  encoded = experiment.spec.encoded(experiment.config, epoch)
  constant = _training_flops_of(experiment, encoded.constant)
  return (
    _training_flops_of(experiment, encoded.trained) + constant / _FORWARD_PASSES
  )


def _training_flops_of(experiment: Experiment, groups: Groups) -> float:
  """Estimates the operations of training on the views of a step."""
  config, pipeline = experiment.config, experiment.pipeline
  row_shape, heads = pipeline.train.row_shape, experiment.heads
  counts = (
    (groups.unlabelled, pipeline.batch_size),
    (groups.labelled, pipeline.order.labelled_batch_size),
  )
  examples = [
    (experiment.views[name].example(row_shape), count)
    for names, count in counts
    for name in names
  ]
  return sum(
    count * training_flops(config.model, heads, example)
    for example, count in examples
  )


@functools.cache
def _forward_flops(
  model: models.Model, leaves: tuple[Any, ...], structure: Any
) -> float:
  """Returns the operations of one forward pass on one image, or clip."""
  image = jax.tree.unflatten(structure, leaves)
  params, batch_stats = jax.eval_shape(
    lambda key: model.init(key, image), jax.random.key(0)
  )
  forward = jax.jit(functools.partial(model.apply, train=False))
  analysis = forward.lower(params, batch_stats, image).cost_analysis()
  return (analysis or {})["flops"]


def training_flops(
  config: ConfigDict, heads: Mapping[str, MLP], shape: models.Example
) -> float:
  """Estimates the operations of training on one view of one image.

  The estimate is three forward passes as XLA counts them: a multiplication and
  an addition are two operations, products with padding none. Losses,
  augmentation and optimizer are small in comparison and are not counted.

  Args:
    config: `config.model`.
    heads: Heads by name.
    shape: Shape of the view, (h, w, c), or what `Transform.example` returns.

  Returns:
    Number of floating-point operations.
  """
  countable = config.copy_and_resolve_references()
  countable.convolution = "xla"  # XLA counts nothing inside calls to oneDNN
  model = models.build(countable, heads=heads)
  if isinstance(shape, tuple):
    shape = jax.ShapeDtypeStruct((1, *shape), "float32")
  leaves, structure = jax.tree.flatten(shape)
  return _FORWARD_PASSES * _forward_flops(model, tuple(leaves), structure)
