"""The input stream: device batches as a pure function of (seed, step)."""

import collections
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import struct

from suncet_jax.data.augment.draw import DRAWS_PER_CROP
from suncet_jax.data.clips.clip import abstract_rows
from suncet_jax.data.errors import DataError
from suncet_jax.data.sampling.build import Order
from suncet_jax.data.sampling.samplers import Sampler
from suncet_jax.data.source import Crop, Request, Source
from suncet_jax.data.transform import Transform
from suncet_jax.devices.mesh import RowPlacement, by_rows, template
from suncet_jax.rng import RngStream, uniform

# Rows per view, or one for all views: an array, or a tree of arrays of a clip.
Rows = tuple[Any, ...]


@struct.dataclass
class Batch:
  """The images, or clips, of a step before the device augments them.

  Attributes:
    unlabelled: Unlabelled images: one array per view, uint8 [b, h, w, c], or a
      single one for all views; of clips a tree of arrays in place of each.
    labelled: Labelled images, likewise, [l, h, w, c]; empty if the step needs
      none.
    labels: Labels of the labelled images, int32 [l], or None.
  """

  unlabelled: Rows
  labelled: Rows = ()
  labels: jax.Array | None = None


class Stream:
  """Yields the batches of any range of steps.

  Attributes:
    labelled_batch_size: Labelled images per step, over all devices.
  """

  def __init__(
    self,
    source: Source,
    order: Order,
    *,
    mesh: jax.sharding.Mesh,
    batch_size: int,
    seed: int,
  ) -> None:
    """Initializes without reading.

    Args:
      source: Source of the training images.
      order: Samplers, which choose the images of a step.
      mesh: Mesh of the devices that a batch is spread over.
      batch_size: Number of unlabelled images per step, over all devices.
      seed: Seed of the crops that the host makes, if any.
    """
    self._source, self._seed = source, seed
    self.labelled_batch_size = order.labelled_batch_size
    self._order, self._mesh, self._batch_size = order, mesh, batch_size

  @property
  def failure(self) -> DataError | None:
    """Error in preparing a batch ahead of its use, or None."""
    return self._source.failure

  def template(
    self, unlabelled: Sequence[Transform], labelled: Sequence[Transform] = ()
  ) -> Batch:
    """Returns shapes, dtypes and shardings of a batch, without reading.

    Args:
      unlabelled: Views of each unlabelled image, as for `batches`.
      labelled: Views of each labelled image.
    """
    count, source = self.labelled_batch_size, self._source
    labels: Any = jax.ShapeDtypeStruct((count,), np.int32)
    shapes = Batch(
      _row_shapes(source, self._batch_size, unlabelled),
      _row_shapes(source, count, labelled),
      labels if labelled else None,
    )
    made: Batch = template(shapes, by_rows(self._mesh))
    return made

  def batches(
    self,
    steps: range,
    unlabelled: Sequence[Transform],
    labelled: Sequence[Transform] = (),
  ) -> Generator[Batch, None, None]:
    """Yields the batches of some steps.

    Args:
      steps: Consecutive steps.
      unlabelled: Views of each unlabelled image; if empty, none is loaded.
      labelled: Views of each labelled image; if empty, none is loaded.

    Yields:
      One batch per step, on the devices.

    Raises:
      DataError: If the images are not available.
    """
    made = self._images(
      self._order.unlabelled,
      RowPlacement(self._mesh, self._batch_size),
      steps,
      unlabelled,
      RngStream.UNLABELLED_VIEW,
    )
    images = (views for views, _ in made) if unlabelled else (() for _ in steps)
    if not labelled:
      yield from map(Batch, images)
      return
    placement = RowPlacement(self._mesh, self.labelled_batch_size)
    chosen = self._images(
      self._order.labelled, placement, steps, labelled, RngStream.LABELLED_VIEW
    )
    for views, (of_class, rows) in zip(images, chosen, strict=True):
      labels = self._source.labels[rows.indices]
      yield Batch(views, of_class, placement.put(labels))

  def _images(
    self,
    sampler: Sampler,
    placement: RowPlacement,
    steps: range,
    views: Sequence[Transform],
    rng_stream: RngStream,
  ) -> Iterator[tuple[Rows, Request]]:
    """Yields the images that a sampler picks for each step, and the request."""
    crops = host_crops(views)

    def request(step: int) -> Request:
      address = (self._seed, rng_stream, step)
      draws = draw_crops(placement, len(crops), address)
      return Request(sampler.local(step, placement.rows), draws)

    yield from load_rows(self._source, placement, map(request, steps), crops)


def _row_shapes(source: Source, count: int, views: Sequence[Transform]) -> Rows:
  """Returns shapes and dtypes of what a source gives for some views."""
  if not views:
    return ()
  crops, of_row = host_crops(views), source.row_shape
  if isinstance(of_row, Mapping):
    return (abstract_rows(count, of_row),) * max(1, len(crops))
  *_, channels = whole = source.image_shape
  shapes = [(crop.size, crop.size, channels) for crop in crops] or [whole]
  return tuple(
    jax.ShapeDtypeStruct((count, *each), np.uint8) for each in shapes
  )


def host_crops(views: Sequence[Transform]) -> list[Crop]:
  """Returns the crops for the source to make, one per view that it crops."""
  crops = (view.host_crop() for view in views)
  return [crop for crop in crops if crop]


def draw_crops(
  placement: RowPlacement, view_count: int, address: Sequence[int]
) -> np.ndarray | None:
  """Draws the random numbers of crops for this process's rows.

  Args:
    placement: Placement of the rows.
    view_count: Number of crops per image; 0 draws nothing.
    address: Address of the numbers: seed, stream and step.

  Returns:
    Uniform draws in [0, 1), float64 [b, v, 22], or None.
  """
  if not view_count:
    return None
  # Drawn for all global rows: the number of processes changes nothing.
  shape = (placement.count, view_count, DRAWS_PER_CROP)
  draws = uniform(int(np.prod(shape)), *address).reshape(shape)
  return draws[placement.rows]


def load_rows(
  source: Source,
  placement: RowPlacement,
  requests: Iterator[Request],
  crops: Sequence[Crop],
) -> Iterator[tuple[Rows, Request]]:
  """Loads images for training and puts them on the devices.

  Args:
    source: Source of the images; it may read ahead.
    placement: Placement of the rows on devices.
    requests: Requests for the rows of this process, batch by batch.
    crops: Crops for the source to make, one per view that it crops.

  Yields:
    The images of a batch, and their request.
  """
  pending: collections.deque[Request] = collections.deque()

  def noted() -> Iterator[Request]:
    for rows in requests:
      pending.append(rows)
      yield rows

  for local in source.views(noted(), crops):
    yield tuple(map(placement.put, local)), pending.popleft()
