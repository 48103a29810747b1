"""Image files as a source: decoded, cropped and resized by host threads.

Flips, colours and blur follow on the device, inside the training step. Pillow
decodes, since it reads most formats; it releases Python's lock meanwhile, so
that threads use all cores.
"""

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
from absl import logging
from ml_collections import ConfigDict

from suncet_jax.data.errors import DataError, ImageError, TooManyBadImagesError
from suncet_jax.data.images import crops
from suncet_jax.data.images.prefetch import in_order
from suncet_jax.data.records.base import Records, name_of, read_patiently
from suncet_jax.data.source import Crop, Request
from suncet_jax.devices.host import available_cpus

_IMAGES_PER_TASK = 8
GREY = 128  # replaces an image that cannot be decoded
_MOST_THREADS = 64  # more would wait for Python's lock


class EncodedSource:
  """Encoded images by index.

  Attributes:
    records: Encoded images.
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: Image names in the same order, or None.
    image_shape: Shape (h, w, c) of the images for evaluation.
    row_shape: The same: a row is an image.
    crops_on_host: True, since `views` yields finished crops.
    bad: Images that could not be decoded.
    failure: Error in preparing images ahead of their use, or None.
  """

  crops_on_host = True

  def __init__(
    self,
    records: Records,
    *,
    resize: int,
    centre_crop: int,
    workers: int = 0,
    max_bad_fraction: float = 0.001,
  ) -> None:
    """Initializes without reading.

    Args:
      records: Encoded images.
      resize: Short side of images for evaluation before the crop, in pixels.
      centre_crop: Height and width of the crop for evaluation, in pixels.
      workers: Number of threads; 0 means as many as this process has CPUs.
      max_bad_fraction: Largest share of images that cannot be decoded.
    """
    self.records = records
    self.labels, self.names = records.labels, records.names
    self.image_shape = self.row_shape = (centre_crop, centre_crop, 3)
    self.bad = BadImages(len(records.labels), max_bad_fraction)
    self.failure: DataError | None = None
    self._resize = resize
    self._pool = thread_pool(workers)

  @classmethod
  def from_config(cls, records: Records, data: ConfigDict) -> Self:
    """Makes a source of records as `config.data` describes it."""
    return cls(
      records,
      resize=data.resize,
      centre_crop=data.centre_crop,
      workers=data.workers,
      max_bad_fraction=data.max_bad_fraction,
    )

  def views(
    self, requests: Iterable[Request], views: Sequence[Crop]
  ) -> Iterator[tuple[np.ndarray, ...]]:
    """Yields random crops; each depends on its image and its draws only.

    An image is decoded once for all its views. An image that cannot be decoded
    is replaced by a grey one.

    Args:
      requests: Images and draws of each batch.
      views: Crops to make of each image.

    Yields:
      One array per view, uint8 [b, size, size, 3], for each batch.
    """

    def begin(rows: Request) -> tuple[tuple[np.ndarray, ...], list[Future]]:
      count, draws = len(rows.indices), rows.draws
      assert draws is not None, "a source that crops needs draws"
      outs = tuple(
        np.empty((count, crop.size, crop.size, 3), np.uint8) for crop in views
      )

      def make(row: int, encoded: bytes) -> None:
        parts = [out[row] for out in outs]
        crops.write_crops(encoded, draws[row], views, parts)

      return outs, self._submit(rows.indices, make, outs)

    yield from in_order(begin, requests)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields the resized centre of each image, uint8 [b, h, w, 3]."""

    def begin(indices: np.ndarray) -> tuple[np.ndarray, list[Future]]:
      out = np.empty((len(indices), *self.image_shape), np.uint8)

      def make(row: int, encoded: bytes) -> None:
        size = self.image_shape[0]
        out[row] = crops.centre(encoded, self._resize, size)

      return out, self._submit(indices, make, (out,))

    yield from in_order(begin, batches)

  def _submit(
    self,
    indices: np.ndarray,
    make: Callable[[int, bytes], None],
    outs: tuple[np.ndarray, ...],
  ) -> list[Future]:
    """Starts to read and make all rows of a batch."""
    return [
      self._pool.submit(
        self._make_rows,
        range(start, min(start + _IMAGES_PER_TASK, len(indices))),
        indices,
        make,
        outs,
      )
      for start in range(0, len(indices), _IMAGES_PER_TASK)
    ]

  def _make_rows(
    self,
    rows: range,
    indices: np.ndarray,
    make: Callable[[int, bytes], None],
    outs: tuple[np.ndarray, ...],
  ) -> None:
    try:
      for row in rows:
        self._make_row(row, int(indices[row]), make, outs)
    except DataError as error:
      self.failure = error
      raise

  def _make_row(
    self,
    row: int,
    index: int,
    make: Callable[[int, bytes], None],
    outs: tuple[np.ndarray, ...],
  ) -> None:
    name = name_of(self.records, index)
    read = functools.partial(self.records.read, index)
    try:
      make(row, read_patiently(read, f"image {name}"))
    except ImageError as error:
      for out in outs:
        out[row] = GREY
      self.bad.add(index, name, str(error))


@functools.cache
def thread_pool(workers: int) -> ThreadPoolExecutor:
  """Returns the pool of threads that all sources of this process share.

  Args:
    workers: Number of threads; 0 means as many as this process has CPUs.
  """
  count = workers or min(available_cpus(), _MOST_THREADS)
  return ThreadPoolExecutor(count, "images")


_NAMED = 5


class BadImages:
  """The images of one source that could not be decoded; thread-safe."""

  def __init__(
    self, total: int, max_fraction: float, noun: str = "image"
  ) -> None:
    """Initializes with no bad image.

    Args:
      total: Number of images of the source.
      max_fraction: Largest share of bad images.
      noun: What they are called in messages, such as "video".
    """
    self._noun = noun
    self._total, self._max_fraction = total, max_fraction
    self._names: dict[int, str] = {}
    self._lock = threading.Lock()

  def __len__(self) -> int:
    """Returns the number of different bad images so far."""
    return len(self._names)

  def add(self, index: int, name: str, reason: str) -> None:
    """Records a bad image, and warns of it the first time.

    Args:
      index: Index of the image.
      name: Name of the image, for messages.
      reason: Reason why it cannot be decoded.

    Raises:
      TooManyBadImagesError: If there are now too many.
    """
    with self._lock:
      if index in self._names:
        return
      self._names[index] = name
      count = len(self._names)
    logging.warning(
      "%s %s cannot be decoded (%s): a grey one stands in for it. Bad so "
      "far: %d of %d %ss.",
      self._noun.capitalize(),
      name,
      reason,
      count,
      self._total,
      self._noun,
    )
    if count > self._max_fraction * self._total:
      first = ", ".join(list(self._names.values())[:_NAMED])
      raise TooManyBadImagesError(
        f"{count} of {self._total:,} {self._noun}s cannot be decoded, more "
        f"than the share {self._max_fraction:g} that "
        f"--config.data.max_bad_fraction allows; the first are {first}. Mend "
        "or remove them; python -m suncet_jax.check lists all."
      )
