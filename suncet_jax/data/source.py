"""Sources of images or clips, and data sets of a training and a test source."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from suncet_jax.data.errors import DataError


class Request(NamedTuple):
  """A request for the images of a batch.

  Attributes:
    indices: Indices into the source, int64 [b].
    draws: Uniform draws for the crops of each view, float64 [b, v, 22] in
      [0, 1); None for a source that does not crop.
  """

  indices: np.ndarray
  draws: np.ndarray | None


class Crop(NamedTuple):
  """Parameters of random crops that a source makes on the host.

  Attributes:
    size: Height and width of the result, in pixels.
    scale: Range of the area as a fraction of the image.
    ratio: Range of width / height.
  """

  size: int
  scale: tuple[float, float]
  ratio: tuple[float, float]


class Source(Protocol):
  """Images with labels, by index; or clips, whose rows are trees of arrays."""

  @property
  def labels(self) -> np.ndarray:
    """Labels, int32 [n]; -1 means unlabelled."""
    ...

  @property
  def names(self) -> Sequence[str] | None:
    """Image names in the same order, or None."""
    ...

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """Shape (h, w, c) of the images for evaluation; of a clip, of a frame."""
    ...

  @property
  def row_shape(self) -> Any:
    """Shape of a row for evaluation: `image_shape`, or a tree of shapes."""
    ...

  @property
  def crops_on_host(self) -> bool:
    """Whether `views` yields finished crops; otherwise the step crops."""
    ...

  @property
  def failure(self) -> DataError | None:
    """Error in preparing images ahead of their use, or None."""
    ...

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
  ) -> Iterator[tuple[Any, ...]]:
    """Yields the images, or clips, of batches for training.

    Yields:
      With `crops_on_host` one array per crop, uint8 [b, size, size, c];
      otherwise one array of the whole images, uint8 [b, h, w, c]. Of clips a
      tree of arrays in the place of each.
    """
    ...

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[Any]:
    """Yields the images of index arrays for evaluation, uint8 [b, h, w, c].

    Of clips it yields trees of arrays, rows first.
    """
    ...


class Dataset(NamedTuple):
  """A training source, a test source and the names of the classes."""

  name: str
  train: Source
  test: Source
  class_names: tuple[str, ...]
