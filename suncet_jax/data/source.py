"""Sources of images, and a data set as a training and a test source."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from suncet_jax.data.errors import DataError


class Request(NamedTuple):
  """Images that a batch takes from a source.

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
    """Returns whether `views` gives ready crops; else the step crops."""
    ...

  @property
  def failure(self) -> DataError | None:
    """Error of images that are prepared ahead of their use."""
    ...

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
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
