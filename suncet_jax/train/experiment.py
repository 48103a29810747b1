"""Everything that a configuration describes, built and ready to run."""

import dataclasses
from typing import Any

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from suncet_jax import methods, models, optim
from suncet_jax.config.validation import METHODS_WITHOUT_LABELS
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.load import load
from suncet_jax.data.sampling.build import make_order
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import Splits, check_labels, make_splits
from suncet_jax.data.stream import Stream
from suncet_jax.devices.mesh import check_divisible, make_mesh, replicated
from suncet_jax.errors import UserError
from suncet_jax.rng import RngStream
from suncet_jax.train.state import TrainState, init_state
from suncet_jax.train.step import StepFn, make_step
from suncet_jax.workdir.digest import tree_digest


@dataclasses.dataclass(frozen=True)
class Experiment:
  """The parts of a run that do not change while it runs.

  Attributes:
    config: What it was built from.
    mesh: All devices.
    dataset: Training and test images.
    splits: Unlabelled pool, labelled and validation images.
    augmentation: Of the views.
    model_config: `config.model`, but for what the method decides.
    model: The encoder.
    method: What a step optimises.
    optimizer: From gradients to updates.
    schedule: From step to learning rate.
    stream: The input batches.
    steps_per_epoch: Over the unlabelled pool.
  """

  config: ConfigDict
  mesh: jax.sharding.Mesh
  dataset: Dataset
  splits: Splits
  augmentation: Augmentation
  model_config: ConfigDict
  model: models.Model
  method: methods.Method
  optimizer: optax.GradientTransformation
  schedule: optax.Schedule
  stream: Stream
  steps_per_epoch: int

  @property
  def total_steps(self) -> int:
    """Steps of the whole training."""
    return self.config.train.epochs * self.steps_per_epoch

  @property
  def class_count(self) -> int:
    """Number of classes."""
    return len(self.dataset.class_names)

  def initial_state(self) -> TrainState:
    """Returns the state before the first step, on all devices."""
    # Optimising a program that runs once takes seconds on a CPU: XLA compiles
    # a random generator for every kernel's shape.
    is_cpu = jax.default_backend() == "cpu"
    return jax.jit(
      self._init,
      out_shardings=replicated(self.mesh),
      compiler_options={"xla_backend_optimization_level": 0} if is_cpu else {},
    )(self.config.seed)

  def state_template(self) -> Any:
    """Returns shapes, dtypes and shardings of the state, without computing."""
    sharding = replicated(self.mesh)
    return jax.tree.map(
      lambda leaf: jax.ShapeDtypeStruct(
        leaf.shape, leaf.dtype, sharding=sharding
      ),
      jax.eval_shape(self._init, self.config.seed),
    )

  def step_fn(self) -> StepFn:
    """Returns the jitted training step."""
    return make_step(
      self.method,
      methods.make_encode(
        self.model,
        self.mesh.size,
        micro_batches=self.config.train.micro_batches,
      ),
      self.optimizer,
      self.schedule,
      self.mesh,
      max_skipped_in_a_row=self.config.train.max_skipped_in_a_row,
      are_cropped=self.dataset.train.crops_on_host,
      ema_decay=self.config.train.ema_decay,
    )

  def _init(self, seed: int) -> TrainState:
    size, channels = self.augmentation.size, self.dataset.train.image_shape[-1]
    key = jax.random.fold_in(jax.random.key(seed), RngStream.INITIAL_PARAMETERS)
    return init_state(
      key,
      self.model,
      self.method,
      self.optimizer,
      (size, size, channels),
      is_averaged=self.config.train.ema_decay > 0,
    )


def build(config: ConfigDict, dataset: Dataset | None = None) -> Experiment:
  """Loads the data and builds all parts.

  Args:
    config: A validated configuration.
    dataset: The data, instead of what `config.data` names.

  Returns:
    The experiment.

  Raises:
    ValueError: If the data or the devices do not fit the configuration.
  """
  mesh = make_mesh()
  parts = config.train.micro_batches
  check_divisible(mesh, parts, **{"data.batch_size": config.data.batch_size})
  dataset = dataset or load(config)
  train = dataset.train
  if dataset.test.image_shape != train.image_shape:
    raise UserError(
      f"Test images are {dataset.test.image_shape} (h, w, c), training images "
      f"{train.image_shape}; expected the same."
    )
  check_labels("Test", dataset.test.labels, len(dataset.class_names))
  splits = make_splits(train.labels, train.names, config, dataset.class_names)
  order = make_order(config, dataset, splits)
  if config.method.name not in METHODS_WITHOUT_LABELS:
    name = "data.labelled.classes_per_batch x images_per_class"
    check_divisible(mesh, parts, **{name: order.labelled_batch_size})
  steps_per_epoch = order.unlabelled.steps_per_epoch
  augmentation = _augmentation(config, train)
  optimizer, schedule = optim.make_optimizer(config, steps_per_epoch)
  of_method = model_config(config, len(dataset.class_names))
  return Experiment(
    config=config,
    mesh=mesh,
    dataset=dataset,
    splits=splits,
    augmentation=augmentation,
    model_config=of_method,
    model=models.build(of_method, config.precision, remat=config.train.remat),
    method=methods.make_method(config, augmentation, mesh),
    optimizer=optimizer,
    schedule=schedule,
    stream=Stream(
      train,
      order,
      mesh=mesh,
      batch_size=config.data.batch_size,
      seed=config.seed,
    ),
    steps_per_epoch=steps_per_epoch,
  )


def model_config(config: ConfigDict, class_count: int) -> ConfigDict:
  """Returns `config.model`; supervised training has a classifier as head.

  Args:
    config: The whole configuration.
    class_count: Number of classes.
  """
  model = config.model.copy_and_resolve_references()
  if config.method.name == "supervised":
    model.head.update(layers=1, out=class_count, output_batch_norm=False)
  return model


def _augmentation(config: ConfigDict, source: Source) -> Augmentation:
  """Reads `config.augment` and checks it against the images."""
  augmentation = Augmentation.from_config(config.augment)
  channels = source.image_shape[-1]
  if augmentation.mean and len(augmentation.mean) != channels:
    raise UserError(
      f"augment.mean has {len(augmentation.mean)} values, but the images have "
      f"{channels} channels."
    )
  return augmentation


def data_digest(experiment: Experiment) -> str:
  """Returns a digest of what a resumed run must find unchanged.

  The order of images follows from these and the seed.
  """
  dataset = experiment.dataset
  names = [
    np.frombuffer("\n".join(source.names or ()).encode(), np.uint8)
    for source in (dataset.train, dataset.test)
  ]
  labels = [dataset.train.labels, dataset.test.labels]
  return tree_digest((experiment.splits._asdict(), labels, names))


def split_summary(experiment: Experiment) -> str:
  """Returns one line on the data: how many images of each kind."""
  splits = experiment.splits
  return (
    f"{experiment.dataset.name}: {splits.pool.size:,} unlabelled, "
    f"{splits.labelled.size:,} labelled "
    f"({np.unique(experiment.dataset.train.labels[splits.labelled]).size} "
    f"classes), {splits.validation.size:,} validation, "
    f"{experiment.dataset.test.labels.size:,} test images"
  )
