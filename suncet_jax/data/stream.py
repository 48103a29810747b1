"""The input stream: device batches as a pure function of (seed, step)."""

import collections
from collections.abc import Callable, Iterator

import jax
import numpy as np
from flax import struct

from suncet_jax.data.permutation import Purpose, random_bits
from suncet_jax.data.sampling import ClassBalancedSampler, UnlabelledSampler
from suncet_jax.data.sources import Crop, Rows, Source
from suncet_jax.data.splits import Splits
from suncet_jax.parallel import RowPlacement


@struct.dataclass
class Batch:
  """The images of a step, before the device augments them.

  Attributes:
    unlabelled: uint8 [b, v, h, w, c]; v = 1 where the step makes the views.
    labelled: uint8 [l, v, h, w, c], or None when the step needs none.
    labels: int32 [l], or None.
  """

  unlabelled: jax.Array
  labelled: jax.Array | None
  labels: jax.Array | None


class Stream:
  """Yields the batches of any range of steps."""

  def __init__(
    self,
    source: Source,
    splits: Splits,
    unlabelled: UnlabelledSampler,
    labelled: ClassBalancedSampler,
    *,
    mesh: jax.sharding.Mesh,
    seed: int,
    crop: Crop,
  ) -> None:
    """Stores what the batches are made of.

    Args:
      source: The training images.
      splits: Which of them are unlabelled and which labelled.
      unlabelled: Gives positions in `splits.pool` for a step.
      labelled: Gives positions in `splits.labelled` for a step.
      mesh: The devices that a batch is spread over.
      seed: Of the crops that the host makes, where it makes them.
      crop: What those crops are.
    """
    self._source, self._splits, self._mesh = source, splits, mesh
    self._unlabelled, self._labelled = unlabelled, labelled
    self._seed, self._crop = seed, crop

  def batches(
    self, start: int, stop: int, *, unlabelled_views: int, labelled_views: int
  ) -> Iterator[Batch]:
    """Yields the batches of the steps start to stop - 1.

    Args:
      start: First step.
      stop: The step after the last.
      unlabelled_views: Views per unlabelled image.
      labelled_views: Views per labelled image; with 0 no labelled image is
        loaded.

    Yields:
      One batch per step, on the devices.
    """
    steps = range(start, stop)
    unlabelled = self._images(
      lambda step: self._splits.pool[self._unlabelled(step)],
      steps,
      unlabelled_views,
      Purpose.UNLABELLED_VIEW,
    )
    if not labelled_views:
      for images, _ in unlabelled:
        yield Batch(images, None, None)
      return
    labelled = self._images(
      lambda step: self._splits.labelled[self._labelled(step)],
      steps,
      labelled_views,
      Purpose.LABELLED_VIEW,
    )
    for (images, _), (chosen, rows) in zip(unlabelled, labelled, strict=True):
      labels = self._source.labels[rows.indices]
      placement = RowPlacement(self._mesh, chosen.shape[0])
      yield Batch(images, chosen, placement.put(labels))

  def _images(
    self,
    choose: Callable[[int], np.ndarray],
    steps: range,
    views: int,
    purpose: Purpose,
  ) -> Iterator[tuple[jax.Array, Rows]]:
    """Yields the images that `choose` picks for each step, and which they are.

    The rows are those of this process only.
    """
    if not steps:
      return
    count = len(choose(steps.start))
    placement = RowPlacement(self._mesh, count)

    def request(step: int) -> Rows:
      bits = random_bits(count * views, self._seed, purpose, step)
      seeds = bits.view(np.uint32).reshape(count, views, 2)
      return Rows(choose(step)[placement.rows], seeds[placement.rows])

    yield from load_rows(
      self._source, placement, map(request, steps), self._crop
    )


def load_rows(
  source: Source, placement: RowPlacement, requests: Iterator[Rows], crop: Crop
) -> Iterator[tuple[jax.Array, Rows]]:
  """Loads images for training and puts them on the devices.

  Args:
    source: Where the images are; it may read ahead.
    placement: Which device holds which row.
    requests: The rows of this process, batch by batch.
    crop: What the host crops, if it does.

  Yields:
    The images of a batch, uint8 [b, v, h, w, c], and the request they answer.
  """
  pending: collections.deque[Rows] = collections.deque()

  def noted() -> Iterator[Rows]:
    for rows in requests:
      pending.append(rows)
      yield rows

  for local in source.views(noted(), crop):
    yield placement.put(local), pending.popleft()
