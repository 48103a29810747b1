"""Where images come from: a data set as a training and a test source."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.data.errors import DataError
from suncet_jax.data.permutation import permutation


class Rows(NamedTuple):
  """Which images a batch takes.

  Attributes:
    indices: Into the source, int64 [b].
    draws: For the crops of each view, float64 [b, v, 22] in [0, 1); None for a
      source that does not crop.
  """

  indices: np.ndarray
  draws: np.ndarray | None


class Crop(NamedTuple):
  """Random crops, for a source that makes them on the host.

  Attributes:
    size: Height and width of the result, in pixels.
    scale: Range of the area as a fraction of the image.
    ratio: Range of width / height.
  """

  size: int
  scale: tuple[float, float]
  ratio: tuple[float, float]


class Source(Protocol):
  """Images with labels, by index."""

  @property
  def labels(self) -> np.ndarray:
    """int32 [n]; -1: unlabelled."""
    ...

  @property
  def names(self) -> Sequence[str] | None:
    """Image names in the same order, or None."""
    ...

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """The (h, w, c) of what `images` gives."""
    ...

  @property
  def crops_on_host(self) -> bool:
    """Whether `views` gives ready crops; else the step crops."""
    ...

  @property
  def failure(self) -> DataError | None:
    """What went wrong with images that are prepared ahead of their use."""
    ...

  def views(
    self, requests: Iterable[Rows], crops: Sequence[Crop]
  ) -> Iterator[tuple[np.ndarray, ...]]:
    """Gives the images of batches for training.

    Yields:
      With `crops_on_host` one array per crop, uint8 [b, size, size, c]; else
      one array of the whole images, uint8 [b, h, w, c].
    """
    ...

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Gives uint8 [b, h, w, c] as evaluation sees them, for index arrays."""
    ...


class Dataset(NamedTuple):
  """A training source, a test source and what the labels mean."""

  name: str
  train: Source
  test: Source
  class_names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ArraySource:
  """Images that lie in memory.

  Attributes:
    pixels: uint8 [n, h, w, c].
    labels: int32 [n]; -1: unlabelled.
    names: Image names in the same order, or None.
  """

  pixels: np.ndarray
  labels: np.ndarray
  names: Sequence[str] | None = None
  crops_on_host: bool = dataclasses.field(default=False, init=False)
  failure: None = dataclasses.field(default=None, init=False)

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """The (h, w, c) of every image."""
    return self.pixels.shape[1:]

  def views(
    self, requests: Iterable[Rows], crops: Sequence[Crop]
  ) -> Iterator[tuple[np.ndarray, ...]]:
    """Gives the whole images: the training step crops them on the device."""
    del crops
    return ((self.pixels[rows.indices],) for rows in requests)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Gives the images as they are."""
    return (self.pixels[indices] for indices in batches)


def load(config: ConfigDict) -> Dataset:
  """Loads the data set that `config.data` names.

  Raises:
    ValueError: If it is not there, cannot be downloaded, or its labels or
      files do not make sense.
  """
  if config.data.source == "digits":
    return _digits()
  if config.data.source == "folder":
    from suncet_jax.data import folder

    return folder.load(config)
  if config.data.source == "arrays":
    raise ValueError(
      "data.source is 'arrays': images in memory come from Python, "
      "suncet_jax.train.run.run(config, workdir, dataset=...)."
    )
  # TensorFlow takes seconds to import: only who needs it pays.
  from suncet_jax.data import tfds_sources

  return tfds_sources.load(config)


def _digits() -> Dataset:
  """scikit-learn's 1,797 digits, 8 x 8; each fifth one is for the test."""
  from sklearn import datasets

  digits = datasets.load_digits()
  pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., None]
  labels = digits.target.astype(np.int32)
  # The order of the file goes by writer: shuffled, both parts know them all.
  order = permutation(len(labels), 0)
  is_test = np.zeros(len(labels), bool)
  for label in range(10):
    of_class = order[labels[order] == label]
    is_test[of_class[: len(of_class) // 5]] = True
  return Dataset(
    "digits",
    ArraySource(pixels[~is_test], labels[~is_test]),
    ArraySource(pixels[is_test], labels[is_test]),
    tuple(str(name) for name in digits.target_names),
  )
