"""Estimates of the floating-point operations of training."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.architectures import MLP
from suncet_jax.data.transform import Transform
from suncet_jax.methods import base as methods
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.plugins import Groups
from suncet_jax.train.experiment import Experiment

# The gradient needs the products of the forward pass twice: once for the
# inputs of a layer, once for its weights.
_FORWARD_PASSES = 3


def flops_per_step(experiment: Experiment, epoch: int) -> float:
  """Estimates the floating-point operations of a step of an epoch.

  Where a method has networks beside the encoder, their passes and those of the
  encoder over their samples are counted, too.

  Args:
    experiment: Experiment that is trained.
    epoch: Epoch over the unlabelled pool, from 0.
  """
  if experiment.spec.players:
    return _flops_of_gradient(experiment, epoch)
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


def _flops_of_gradient(experiment: Experiment, epoch: int) -> float:
  """Returns the operations of loss and gradient, as XLA counts them.

  Forward passes that the compiler later finds to be the same count each.
  """
  config = experiment.config.copy_and_resolve_references()
  config.model = _countable(config.model)
  model = models.build(config.model, config.precision, heads=experiment.heads)
  method = methods.build(config, experiment.pipeline.class_count)
  spec, pipeline = experiment.batch_spec(epoch), experiment.pipeline

  def shapes(views: Sequence[Transform], count: int) -> tuple[Any, ...]:
    rows = [view.example(pipeline.train.row_shape) for view in views]
    return jax.tree.map(
      lambda row: jax.ShapeDtypeStruct((count, *row.shape[1:]), row.dtype),
      tuple(rows),
    )

  labelled = pipeline.order.labelled_batch_size
  labels: Any = jax.ShapeDtypeStruct((labelled,), "int32")
  views = methods.Views(
    shapes(spec.unlabelled, pipeline.batch_size),
    shapes(spec.labelled, labelled),
    labels if spec.labelled else None,
  )
  encode = ViewEncoder(model, experiment.mesh)

  def gradient(state: Any, views: methods.Views, seed: int) -> Any:
    moment = methods.Moment(state.step, state.step * 1.0, jax.random.key(seed))
    weights = state.params, state.batch_stats, state.method_state
    return jax.value_and_grad(method.loss, has_aux=True)(
      *weights, views, encode, moment
    )

  lowered = jax.jit(gradient).lower(experiment.state_template(), views, 0)
  return (lowered.cost_analysis() or {})["flops"]


def _countable(config: ConfigDict) -> ConfigDict:
  """Returns `config.model` with convolutions that XLA counts."""
  countable = config.copy_and_resolve_references()
  countable.convolution = "xla"  # it counts nothing inside calls to oneDNN
  return countable


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
  model = models.build(_countable(config), heads=heads)
  if isinstance(shape, tuple):
    shape = jax.ShapeDtypeStruct((1, *shape), "float32")
  leaves, structure = jax.tree.flatten(shape)
  return _FORWARD_PASSES * _forward_flops(model, tuple(leaves), structure)
