"""Experiment: all that a configuration describes, built and ready to run."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from suncet_jax import models, optim, plugins
from suncet_jax.architectures import MLP
from suncet_jax.data.kinds import named_transforms
from suncet_jax.data.pipeline import Pipeline, open_data
from suncet_jax.data.source import Dataset
from suncet_jax.data.stream import Batch, Stream
from suncet_jax.data.transform import Transform
from suncet_jax.devices.mesh import (
  check_divisible,
  make_mesh,
  replicated,
  template,
)
from suncet_jax.methods import base as methods
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.rng import RngStream
from suncet_jax.train import starting
from suncet_jax.train.state import TrainState, init_state
from suncet_jax.train.step import StepFn, make_step


@dataclasses.dataclass(frozen=True)
class Experiment:
  """The parts of a run that do not change while it runs.

  Attributes:
    config: Configuration that it was built from.
    mesh: Mesh of all devices.
    pipeline: Pipeline of the data.
    stream: Stream of input batches, on the devices.
    views: Kinds of views by name.
    model: Model of the encoder.
    method: Method whose loss a step optimizes.
    optimizer: Transformation of gradients into updates.
    schedule: Function from step to learning rate.
    start: Weights that the run starts from; None: not read, as the run has
      begun before.
  """

  config: ConfigDict
  mesh: jax.sharding.Mesh
  pipeline: Pipeline
  stream: Stream
  views: Mapping[str, Transform]
  model: models.Model
  method: methods.Method
  optimizer: optax.GradientTransformation
  schedule: optax.Schedule
  start: starting.Start | None = None

  @property
  def steps_per_epoch(self) -> int:
    """Number of steps over the unlabelled pool."""
    return self.pipeline.steps_per_epoch

  @property
  def total_steps(self) -> int:
    """Number of steps of the whole training."""
    return self.config.train.epochs * self.steps_per_epoch

  @property
  def spec(self) -> plugins.MethodSpec:
    """Declaration of the method."""
    return plugins.method_spec(self.config.method.name)

  @property
  def heads(self) -> Mapping[str, MLP]:
    """Heads of the encoder by name."""
    return self.spec.heads(self.config, self.pipeline.class_count)

  def batch_spec(self, epoch: int) -> methods.BatchSpec:
    """Returns the views that the steps of an epoch need."""
    unlabelled, labelled = self.spec.groups(self.config, epoch)
    return methods.BatchSpec(
      tuple(self.views[name] for name in unlabelled),
      tuple(self.views[name] for name in labelled),
    )

  def initial_state(self) -> TrainState:
    """Returns the state before the first step, on all devices."""
    start = self.start or starting.read(self.config, self.model, self.example)
    # Optimizing a program that runs once takes seconds on a CPU: XLA compiles
    # a random generator for every kernel's shape.
    is_cpu = jax.default_backend() == "cpu"
    return jax.jit(
      self._init,
      out_shardings=replicated(self.mesh),
      compiler_options={"xla_backend_optimization_level": 0} if is_cpu else {},
    )(self.config.seed, start.variables)

  def state_template(self) -> Any:
    """Returns shapes, dtypes and shardings of the state, without computing."""
    shapes = jax.eval_shape(self._init, self.config.seed, ({}, {}))
    return template(shapes, replicated(self.mesh))

  def batch_template(self, spec: methods.BatchSpec) -> Batch:
    """Returns shapes, dtypes and shardings of a step's batch."""
    return self.stream.template(spec.unlabelled, spec.labelled)

  def step_fn(self) -> StepFn:
    """Returns the jitted training step."""
    train = self.config.train
    return make_step(
      self.method,
      ViewEncoder(self.model, self.mesh, micro_batches=train.micro_batches),
      self.optimizer,
      self.schedule,
      self.mesh,
      max_skipped_in_a_row=train.max_skipped_in_a_row,
      steps_per_epoch=self.steps_per_epoch,
      ema_decay=train.ema_decay,
      frozen_blocks=self.config.optim.frozen_blocks,
    )

  @property
  def example(self) -> models.Example:
    """Shape of the views: (h, w, c), or a tree of shapes."""
    return _example(self.views, self.pipeline)

  def _init(self, seed: int, given: tuple[Any, Any]) -> TrainState:
    key = jax.random.fold_in(jax.random.key(seed), RngStream.INITIAL_PARAMETERS)
    return init_state(
      key,
      self.model,
      self.method,
      self.optimizer,
      self.example,
      is_averaged=self.config.train.ema_decay > 0,
      given=given,
      lora_rank=self.config.optim.lora_rank,
      lora_alpha=self.config.optim.lora_alpha,
    )


def build(
  config: ConfigDict,
  dataset: Dataset | None = None,
  mesh: jax.sharding.Mesh | None = None,
  *,
  is_begun: bool = False,
) -> Experiment:
  """Opens the data and builds all parts.

  With `config.init.weights` these are read, and the experiment has the
  configuration that they settle: their digest, and normalisation.

  Args:
    config: Validated configuration.
    dataset: Data set to use instead of the one that `config.data` names.
    mesh: Mesh of the devices; None: all of this job.
    is_begun: Whether the run has begun before, and `config` is the one that it
      keeps (see `config.as_begun`): the weights that it started from are not
      read.

  Returns:
    The experiment.

  Raises:
    ValueError: If the data or the devices do not fit the configuration.
  """
  mesh = mesh or make_mesh()
  parts = config.train.micro_batches
  check_divisible(mesh, parts, **{"data.batch_size": config.data.batch_size})
  pipeline = open_data(config, dataset)
  if plugins.uses_labels(config):
    name = "data.labelled.classes_per_batch x images_per_class"
    count = pipeline.order.labelled_batch_size
    check_divisible(mesh, parts, **{name: count})
  optimizer, schedule = optim.make_optimizer(config, pipeline.steps_per_epoch)
  spec = plugins.method_spec(config.method.name)
  model = models.build(
    config.model,
    config.precision,
    heads=spec.heads(config, pipeline.class_count),
    remat=config.train.remat,
  ).with_frozen_norms(frozen_norms(config.optim))
  start = None
  if not is_begun:
    views = named_transforms(config, pipeline.train)
    start = starting.read(config, model, _example(views, pipeline))
    config = starting.settled(config, start)
  return Experiment(
    config=config,
    mesh=mesh,
    pipeline=pipeline,
    stream=pipeline.stream(mesh),
    views=named_transforms(config, pipeline.train),
    model=model,
    method=methods.build(config, pipeline.class_count),
    optimizer=optimizer,
    schedule=schedule,
    start=start,
  )


def frozen_norms(settings: ConfigDict) -> int:
  """Returns the number of blocks whose norms are frozen.

  Args:
    settings: Group of the configuration with the fields of tuning, such as
      `config.optim`.
  """
  return optim.WHOLE if settings.frozen_norms else settings.frozen_blocks


def _example(
  views: Mapping[str, Transform], pipeline: Pipeline
) -> models.Example:
  """Returns the shape of the views: (h, w, c), or a tree of shapes."""
  made = views["view"].example(pipeline.train.row_shape)
  is_image = isinstance(made, jax.ShapeDtypeStruct)
  return made.shape[1:] if is_image else made
