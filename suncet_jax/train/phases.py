"""The phases of a training, and what they cost: images and operations."""

import dataclasses
import functools
import itertools
from collections.abc import Mapping

import jax
from ml_collections import ConfigDict

from suncet_jax import models, plugins
from suncet_jax.architectures import MLP
from suncet_jax.methods.base import BatchSpec
from suncet_jax.train.experiment import Experiment

# The gradient needs the products of the forward pass twice: once for the
# inputs of a layer, once for its weights.
_FORWARD_PASSES = 3


@dataclasses.dataclass(frozen=True)
class Phase:
  """Consecutive steps with one batch spec.

  Attributes:
    start: First step.
    stop: The step after the last.
    spec: The views that each of them needs.
    images_before: Images encoded before `start`, views counted singly.
    images_per_step: Images that each step encodes.
    flops_before: Estimated floating-point operations before `start`.
    flops_per_step: Those of each step.
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


def phases(experiment: Experiment) -> list[Phase]:
  """Cuts a training into runs of epochs with one spec, one compilation each."""
  parts: list[Phase] = []
  epochs = range(experiment.config.train.epochs)
  images, flops = 0, 0.0
  for spec, members in itertools.groupby(epochs, experiment.batch_spec):
    covered = list(members)
    start = covered[0] * experiment.steps_per_epoch
    stop = (covered[-1] + 1) * experiment.steps_per_epoch
    rows = rows_per_step(experiment, spec)
    cost = flops_per_step(experiment, spec)
    parts.append(Phase(start, stop, spec, images, rows, flops, cost))
    images, flops = parts[-1].images_at(stop), parts[-1].flops_at(stop)
  return parts


def rows_per_step(experiment: Experiment, spec: BatchSpec) -> int:
  """Returns how many images, views counted singly, a step encodes."""
  order, batch_size = experiment.pipeline.order, experiment.pipeline.batch_size
  of_labelled = order.labelled_batch_size * len(spec.labelled)
  return batch_size * len(spec.unlabelled) + of_labelled


def flops_per_step(experiment: Experiment, spec: BatchSpec) -> float:
  """Estimates the floating-point operations of a step."""
  config, pipeline = experiment.config, experiment.pipeline
  channels = pipeline.train.image_shape[-1]
  heads = plugins.method_spec(config.method.name).heads(
    config, pipeline.class_count
  )
  counts = (
    (spec.unlabelled, pipeline.batch_size),
    (spec.labelled, pipeline.order.labelled_batch_size),
  )
  return sum(
    count
    * training_flops(config.model, heads, (view.size, view.size, channels))
    for views, count in counts
    for view in views
  )


@functools.cache
def _forward_flops(model: models.Model, shape: tuple[int, int, int]) -> float:
  """Returns the operations of one image's way through backbone and heads."""
  params, batch_stats = jax.eval_shape(
    lambda key: model.init(key, shape), jax.random.key(0)
  )
  image = jax.ShapeDtypeStruct((1, *shape), "float32")
  forward = jax.jit(functools.partial(model.apply, train=False))
  analysis = forward.lower(params, batch_stats, image).cost_analysis()
  return (analysis or {})["flops"]


def training_flops(
  config: ConfigDict, heads: Mapping[str, MLP], shape: tuple[int, int, int]
) -> float:
  """Estimates the operations of training on one view of one image.

  Three forward passes, as XLA counts the operations of one (a multiplication
  and an addition are two; products with padding are none). Left out, since
  they are small beside it: losses, augmentation, the optimizer.

  Args:
    config: `config.model`.
    heads: The heads by name.
    shape: Shape of the view, (h, w, c).

  Returns:
    Floating-point operations.
  """
  countable = config.copy_and_resolve_references()
  countable.convolution = "xla"  # in a call to oneDNN XLA sees nothing
  model = models.build(countable, heads=heads)
  return _FORWARD_PASSES * _forward_flops(model, shape)
