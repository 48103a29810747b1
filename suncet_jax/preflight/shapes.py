"""An experiment without its data: shapes and counts are enough to compile."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from ml_collections import ConfigDict

from suncet_jax.data.clips.clip import row_shape
from suncet_jax.data.load import load
from suncet_jax.data.source import Crop, Dataset, Request
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.optional import needed_for
from suncet_jax.train import experiment

_LIST_OF_PERCENT = re.compile(r"(\d+)pct$")
_SHARE_OF_UNKNOWN_LIST = 0.1


class Counts(NamedTuple):
  """What one must know of a data set.

  Attributes:
    train: Number of training images.
    test: Number of test images.
    classes: Number of classes.
    shape: Shape (h, w, c) of the images; None: they differ.
  """

  train: int
  test: int
  classes: int
  shape: tuple[int, int, int] | None = None


# As TFDS has them; asking it takes TensorFlow, and often the data.
_KNOWN = {
  "cifar10": Counts(50_000, 10_000, 10, (32, 32, 3)),
  "cifar100": Counts(50_000, 10_000, 100, (32, 32, 3)),
  "mnist": Counts(60_000, 10_000, 10, (28, 28, 1)),
  "fashion_mnist": Counts(60_000, 10_000, 10, (28, 28, 1)),
  "svhn_cropped": Counts(73_257, 26_032, 10, (32, 32, 3)),
  "imagenet2012": Counts(1_281_167, 50_000, 1000),
}


@dataclasses.dataclass(frozen=True)
class AbstractSource:
  """Images of which only the shape and the labels are known.

  Attributes:
    labels: Labels, int32 [n].
    image_shape: Shape (h, w, c) of the images for evaluation.
    crops_on_host: Whether a run's source would crop.
    row_shape: Shape of a row; by default, of an image, `image_shape`.
  """

  labels: np.ndarray
  image_shape: tuple[int, int, int]
  crops_on_host: bool
  row_shape: Any = None
  names: None = dataclasses.field(default=None, init=False)
  failure: None = dataclasses.field(default=None, init=False)

  def __post_init__(self) -> None:
    """Makes an image the default row."""
    if self.row_shape is None:
      object.__setattr__(self, "row_shape", self.image_shape)

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
  ) -> Iterator[tuple[Any, ...]]:
    """Raises an error: there are no images."""
    self._refuse()

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[Any]:
    """Raises an error: there are no images."""
    self._refuse()

  def _refuse(self) -> NoReturn:
    raise TypeError("these images have shapes only; nothing can be run on them")


def experiment_on(
  config: ConfigDict,
  mesh: jax.sharding.Mesh,
  counts: Counts | None = None,
) -> experiment.Experiment:
  """Builds an experiment for devices that are not here, without its data.

  Args:
    config: Configuration, validated.
    mesh: Mesh of the devices.
    counts: Counts of the data set; None: as the configuration's data set has.

  Raises:
    ValueError: If the data set's shapes are not known, or do not fit.
  """
  if counts is None and _is_in_memory(config.data):
    return experiment.build(_plain(config, 0), load(config), mesh)
  known = counts or counts_of(config)
  dataset = _dataset(config, known)
  return experiment.build(_plain(config, known.train), dataset, mesh)


def _is_in_memory(data: ConfigDict) -> bool:
  """Returns whether the data set comes with the package, or is made in code."""
  is_made = data.source == "clips" and bool(data.clips.synthetic)
  return data.source == "digits" or is_made


def counts_of(config: ConfigDict, classes: int = 0, images: int = 0) -> Counts:
  """Returns the counts of a configuration's data set.

  Args:
    config: Configuration, validated.
    classes: Number of classes, if the user gave it.
    images: Number of training images, if the user gave it.

  Raises:
    ValueError: If they are not known; the message says how to give them.
  """
  data = config.data
  if classes and images:
    known = _KNOWN.get(data.tfds_name, Counts(0, images // 10, 0))
    return known._replace(train=images, classes=classes)
  if classes or images:
    raise UserError("--classes and --images belong together: give both.")
  if data.tfds_name in _KNOWN:
    return _KNOWN[data.tfds_name]
  if data.source == "tfds":
    return _told_by_tfds(data.tfds_name, data.data_dir, data.test_split)
  raise UserError(
    f"The data set of data.source={data.source!r} is not known here: give its "
    "size with --classes=100 --images=50000, for example."
  )


def _dataset(config: ConfigDict, counts: Counts) -> Dataset:
  """Returns a data set of shapes, its classes equally large."""
  data, side = config.data, config.augment.size
  of_clips = data.source == "clips"
  of_files = data.source == "folder" or data.reading != "memory"
  channels = len(config.augment.mean) or 3
  shape = counts.shape or (side, side, channels)
  if of_files:
    shape = (data.centre_crop, data.centre_crop, shape[-1])
  if of_clips:
    of_files = not data.clips.synthetic
    shape = (data.clips.size, data.clips.size, data.clips.channels)

  def source(count: int) -> AbstractSource:
    labels = np.arange(count, dtype=np.int32) % counts.classes
    rows = row_shape(data.clips) if of_clips else None
    return AbstractSource(labels, shape, of_files, rows)

  names = tuple(map(str, range(counts.classes)))
  name = data.tfds_name or data.source
  return Dataset(name, source(counts.train), source(counts.test), names)


def _plain(config: ConfigDict, train: int) -> ConfigDict:
  """Returns a configuration that needs no files: lists become shares.

  Args:
    config: Configuration.
    train: Number of training images.
  """
  changed = config.copy_and_resolve_references()
  data = changed.data
  if data.reading == "streaming":  # whose order is made of the shards
    data.reading = "random"
  if data.labelled.file:
    data.labelled.fraction = _share(data.labelled.file, train)
    data.labelled.file = ""
  data.validation.file = ""
  changed.init.weights = changed.init.network = changed.init.sha256 = ""
  return changed


def _share(file: str, train: int) -> float:
  """Returns the share of the training images that a list names, estimated."""
  if percent := _LIST_OF_PERCENT.search(file):
    return int(percent[1]) / 100
  if "://" not in file and expanded(file).is_file():
    lines = expanded(file).read_text().split()
    return min(1.0, max(1, len(lines)) / train)
  return _SHARE_OF_UNKNOWN_LIST


def _told_by_tfds(name: str, data_dir: str, test_split: str) -> Counts:
  with needed_for("data.source=tfds"):
    import tensorflow_datasets as tfds
  try:
    info = tfds.builder(name, data_dir=data_dir or None).info
    splits = {key: split.num_examples for key, split in info.splits.items()}
    shape = info.features["image"].shape
    classes = info.features["label"].num_classes
    counts = Counts(splits["train"], splits[test_split], classes)
  # TFDS raises all kinds of errors for names and data that it does not have.
  except Exception as error:
    raise UserError(
      f"TFDS does not tell the size of {name!r} here ({error}): give it with "
      "--classes=100 --images=50000, for example."
    ) from error
  known = None not in shape
  return counts._replace(shape=tuple(shape) if known else None)
