"""Pipeline: all data of a run, opened once."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from absl import logging
from ml_collections import ConfigDict

from suncet_jax.data.arrays import CHANNELS, ArraySource
from suncet_jax.data.copies import in_both
from suncet_jax.data.load import load
from suncet_jax.data.sampling.build import Order, make_order
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import Splits, check_labels, make_splits
from suncet_jax.data.stream import Stream
from suncet_jax.errors import UserError
from suncet_jax.files.text import composed, encoded, readable
from suncet_jax.workdir.digest import tree_digest


@dataclasses.dataclass(frozen=True)
class Pipeline:
  """The data of a run.

  Attributes:
    dataset: Training and test images.
    splits: Unlabelled pool, labelled and validation images.
    order: Order of images, by step.
    batch_size: Unlabelled images per step, over all devices.
    seed: Seed of the run.
  """

  dataset: Dataset
  splits: Splits
  order: Order
  batch_size: int
  seed: int

  @property
  def train(self) -> Source:
    """The training images."""
    return self.dataset.train

  @property
  def test(self) -> Source:
    """The test images."""
    return self.dataset.test

  @property
  def class_count(self) -> int:
    """Number of classes."""
    return len(self.dataset.class_names)

  @property
  def steps_per_epoch(self) -> int:
    """Number of full batches of the unlabelled pool."""
    return self.order.unlabelled.steps_per_epoch

  @property
  def every_test(self) -> tuple[Source, np.ndarray]:
    """Source and indices of the test images."""
    return self.test, np.arange(self.test.labels.size)

  @property
  def every_validation(self) -> tuple[Source, np.ndarray]:
    """Source and indices of the validation images."""
    return self.train, self.splits.validation

  def named_test(self) -> list[tuple[str, str]]:
    """Returns name and class of each test image; data of arrays have none."""
    classes = self.dataset.class_names
    pairs = zip(self.test.names or (), self.test.labels, strict=False)
    return [(name, classes[label]) for name, label in pairs]

  def stream(self, mesh: jax.sharding.Mesh) -> Stream:
    """Returns the batches of any range of steps, on the devices of a mesh."""
    return Stream(
      self.train,
      self.order,
      mesh=mesh,
      batch_size=self.batch_size,
      seed=self.seed,
    )

  def digest(self) -> str:
    """Returns a digest of the data that a resumed run must find unchanged.

    The order of images follows from these data and the seed.
    """
    names = [
      np.frombuffer(encoded(composed("\n".join(source.names or ()))), np.uint8)
      for source in (self.train, self.test)
    ]
    labels = [self.train.labels, self.test.labels]
    return tree_digest((self.splits._asdict(), labels, names))

  def summary(self) -> str:
    """Returns one line with the number of images of each kind."""
    splits = self.splits
    classes = np.unique(self.train.labels[splits.labelled]).size
    return (
      f"{self.dataset.name}: {splits.pool.size:,} unlabelled, "
      f"{splits.labelled.size:,} labelled ({classes} classes), "
      f"{splits.validation.size:,} validation, "
      f"{self.test.labels.size:,} test images"
    )


def open_data(config: ConfigDict, dataset: Dataset | None = None) -> Pipeline:
  """Opens the data that a configuration describes.

  Args:
    config: The whole configuration, validated.
    dataset: Data set to use instead of the one that `config.data` names.

  Raises:
    ValueError: If the data do not fit the configuration, or each other.
  """
  return arranged(config, open_dataset(config, dataset))


def open_dataset(config: ConfigDict, dataset: Dataset | None = None) -> Dataset:
  """Opens the images, whatever a run does with them.

  Args:
    config: The whole configuration, of which `data` is valid.
    dataset: Data set to use instead of the one that `config.data` names.

  Raises:
    ValueError: If the images do not fit each other.
  """
  dataset = dataset or load(config)
  # They are written to files and pages, which take no bytes that are not UTF-8.
  names = tuple(readable(str(name)) for name in dataset.class_names)
  dataset = dataset._replace(class_names=names)
  train, test, classes = dataset.train, dataset.test, dataset.class_names
  if test.row_shape != train.row_shape:
    raise UserError(
      f"Test images are {test.row_shape} (h, w, c), training images "
      f"{train.row_shape}; expected the same."
    )
  _check_channels(dataset)
  _warn_of_single_class(classes)
  _warn_of_copies(train, test)
  check_labels("Test", test.labels, len(classes))
  return dataset


def arranged(config: ConfigDict, dataset: Dataset) -> Pipeline:
  """Arranges images for a run: splits and orders.

  Args:
    config: The whole configuration, validated.
    dataset: Data set of `open_dataset`.

  Raises:
    ValueError: If the images do not fit the configuration.
  """
  _check_mean(config, dataset)
  train, classes = dataset.train, dataset.class_names
  splits = make_splits(train.labels, train.names, config, classes)
  return Pipeline(
    dataset=dataset,
    splits=splits,
    order=make_order(config, dataset, splits),
    batch_size=config.data.batch_size,
    seed=config.seed,
  )


def _check_channels(dataset: Dataset) -> None:
  channels = dataset.train.image_shape[-1]
  if channels not in CHANNELS:
    raise UserError(
      f"The images of {dataset.name} have {channels} channels; expected 1 or 3."
    )


def _check_mean(config: ConfigDict, dataset: Dataset) -> None:
  mean, channels = config.augment.mean, dataset.train.image_shape[-1]
  if isinstance(dataset.train.row_shape, Mapping):  # which config.clip is for
    return
  if mean and len(mean) != channels:
    raise UserError(
      f"augment.mean has {len(mean)} values, but the images have {channels} "
      "channels."
    )


def _warn_of_single_class(class_names: Sequence[str]) -> None:
  if len(class_names) == 1:
    logging.warning(
      "All images are of one class, %s: every accuracy will be 100 %%, and "
      "labels teach nothing; expected two classes or more.",
      class_names[0],
    )


def _warn_of_copies(train: Source, test: Source) -> None:
  """Warns of test images in memory that are training images too."""
  if isinstance(train, ArraySource) and isinstance(test, ArraySource):
    both = in_both(test.pixels, train.pixels)
    if both.size:
      logging.warning(
        "%d of %d test images are training images too, pixel for pixel; the "
        "first is number %d. The final accuracies count them.",
        both.size,
        len(test.labels),
        both[0],
      )
