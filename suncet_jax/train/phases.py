"""The phases of a training, and what they cost: images and operations."""

import dataclasses
import functools
import itertools

import jax
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.methods import BatchSpec
from suncet_jax.train.experiment import Experiment

# The gradient needs the products of the forward pass twice: once for the
# inputs of a layer, once for its weights.
_FORWARD_PASSES = 3


@dataclasses.dataclass(frozen=True)
class Phase:
  """Consecutive steps with one plan.

  Attributes:
    start: First step.
    stop: The step after the last.
    plan: What each of them needs.
    images_before: Images encoded before `start`, views counted singly.
    images_per_step: Images that each step encodes.
    flops_before: Estimated floating-point operations before `start`.
    flops_per_step: Those of each step.
  """

  start: int
  stop: int
  plan: BatchSpec
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


def phases(experiment: Experiment) -> list[Phase]:
  """Cuts a training into runs of epochs with one plan, one compilation each."""
  parts: list[Phase] = []
  epochs = range(experiment.config.train.epochs)
  images, flops = 0, 0.0
  for plan, members in itertools.groupby(epochs, experiment.method.plan):
    covered = list(members)
    start = covered[0] * experiment.steps_per_epoch
    stop = (covered[-1] + 1) * experiment.steps_per_epoch
    rows = rows_per_step(experiment, plan)
    cost = flops_per_step(experiment, plan)
    parts.append(Phase(start, stop, plan, images, rows, flops, cost))
    images, flops = parts[-1].images_at(stop), parts[-1].flops_at(stop)
  return parts


def rows_per_step(experiment: Experiment, plan: BatchSpec) -> int:
  """Returns how many images, views counted singly, a step encodes."""
  return experiment.config.data.batch_size * len(
    plan.unlabelled
  ) + experiment.stream.labelled_batch_size * len(plan.labelled)


def flops_per_step(experiment: Experiment, plan: BatchSpec) -> float:
  """Estimates the floating-point operations of a step."""
  channels = experiment.dataset.train.image_shape[-1]
  counts = (
    (plan.unlabelled, experiment.config.data.batch_size),
    (plan.labelled, experiment.stream.labelled_batch_size),
  )
  return sum(
    count
    * training_flops(experiment.model_config, (view.size, view.size, channels))
    for views, count in counts
    for view in views
  )


@functools.cache
def _forward_flops(model: models.Model, shape: tuple[int, int, int]) -> float:
  """Returns the operations of one image's way through encoder and head."""
  params, batch_stats = jax.eval_shape(
    lambda key: model.init(key, shape), jax.random.key(0)
  )
  image = jax.ShapeDtypeStruct((1, *shape), "float32")
  forward = jax.jit(functools.partial(model.apply, train=False))
  analysis = forward.lower(params, batch_stats, image).cost_analysis()
  return (analysis or {})["flops"]


def training_flops(config: ConfigDict, shape: tuple[int, int, int]) -> float:
  """Estimates the operations of training on one view of one image.

  Three forward passes, as XLA counts the operations of one (a multiplication
  and an addition are two; products with padding are none). Left out, since
  they are small beside it: losses, augmentation, the optimizer.

  Args:
    config: `config.model`.
    shape: Of the view, (h, w, c).

  Returns:
    Floating-point operations.
  """
  countable = config.copy_and_resolve_references()
  countable.convolution = "xla"  # in a call to oneDNN XLA sees nothing
  return _FORWARD_PASSES * _forward_flops(models.build(countable), shape)
