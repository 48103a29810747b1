"""Phases of a training and their cost in images and operations."""

import dataclasses
import itertools
from collections.abc import Sequence

from suncet_jax.methods.base import BatchSpec
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.flops import flops_per_step


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
