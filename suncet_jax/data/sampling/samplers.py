"""Samplers of the images of a step: pure functions of (seed, step).

There is no iterator whose position must be saved: any step can be requested at
any time, on any number of hosts. `BlockSampler`, for files that can only be
read from end to end, is in shards.py.
"""

import functools
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from suncet_jax.console.words import shorten
from suncet_jax.data.splits import by_class
from suncet_jax.errors import UserError
from suncet_jax.rng import RngStream, permutation


class Sampler(Protocol):
  """Chooses the images of a step."""

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns the images in some rows of a step's batch.

    Args:
      step: Step, from 0 on.
      rows: Rows of the global batch that this process provides, int64 [r].

    Returns:
      Indices into the training source, int64 [r].
    """
    ...


class EpochSampler(Sampler, Protocol):
  """A sampler that goes through a pool of images epoch by epoch."""

  @property
  def steps_per_epoch(self) -> int:
    """Number of full batches of an epoch, over all processes."""
    ...


class UnlabelledSampler:
  """Sampler of the pool, in a new order each epoch.

  The last incomplete batch of an epoch is dropped, as in Assran et al. 2020
  (arXiv 2006.10803).
  """

  def __init__(self, pool: np.ndarray, batch_size: int, seed: int) -> None:
    """Checks that the pool holds a batch.

    Args:
      pool: Indices of the images, int64 [n].
      batch_size: Number of images per step, over all devices.
      seed: Seed of the orders.

    Raises:
      ValueError: If the pool is smaller than a batch.
    """
    check_pool(pool.size, batch_size)
    self.steps_per_epoch = pool.size // batch_size
    self._pool, self._batch_size = pool, batch_size
    self._order = functools.lru_cache(maxsize=2)(
      lambda epoch: permutation(
        pool.size, seed, RngStream.UNLABELLED_ORDER, epoch
      )
    )

  def __call__(self, step: int) -> np.ndarray:
    """Returns the images of a step, int64 [batch_size]."""
    epoch, batch = divmod(step, self.steps_per_epoch)
    start = batch * self._batch_size
    return self._pool[self._order(epoch)[start : start + self._batch_size]]

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns the images in some rows of a step; see `Sampler`."""
    return self(step)[rows]


def check_pool(pool_size: int, batch_size: int) -> None:
  """Checks that there are enough unlabelled images for a batch.

  Raises:
    ValueError: If the pool is smaller than a batch.
  """
  if not pool_size:
    raise UserError(
      "The unlabelled pool is empty: all training images are labelled or held "
      "out for validation. Add images without labels, label fewer, or leave "
      "the labelled ones in the pool, too: "
      "--config.data.labelled.in_pool=True."
    )
  if batch_size > pool_size:
    raise UserError(
      f"data.batch_size is {batch_size}, but the unlabelled pool has only "
      f"{pool_size} images. Lower --config.data.batch_size, or set the "
      "argument batch=, such as --config=folder:batch=64, where the "
      "configuration has it: it sets the learning rate that goes with it, too."
    )


class ClassBalancedSampler:
  """Draws classes_per_batch classes x images_per_class images.

  Classes come in a random order without replacement, and so do the images of a
  class; the rest of an order that does not fill a batch is skipped. So no batch
  holds an image twice, unless a class has fewer images than `images_per_class`:
  then each of them is drawn before any is repeated. Rows alternate between
  classes, so that every device gets many classes.
  """

  def __init__(
    self,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    *,
    classes_per_batch: int,
    images_per_class: int,
    seed: int,
  ) -> None:
    """Sorts the labelled images by class.

    Args:
      images: Indices of the labelled images, int64 [n].
      labels: Labels of these images, integer [n].
      class_names: Names of the classes, by label.
      classes_per_batch: Number of classes per step.
      images_per_class: Number of images per class, over all devices.
      seed: Seed of the orders.

    Raises:
      ValueError: If a class has no image, or there are too few classes.
    """
    class_count = len(class_names)
    check_every_class(labels, class_names)
    self._members = [images[rows] for rows in by_class(labels, class_count)]
    if classes_per_batch > class_count:
      raise UserError(
        f"data.labelled.classes_per_batch is {classes_per_batch}, but there "
        f"are {class_count} classes. Lower it."
      )
    self._images_per_class = images_per_class
    self._classes_per_batch = classes_per_batch
    self._batches_per_pass = class_count // classes_per_batch
    self._class_order = functools.lru_cache(maxsize=2)(
      lambda epoch: permutation(class_count, seed, RngStream.CLASS_ORDER, epoch)
    )
    self._image_order = functools.lru_cache(maxsize=2 * class_count)(
      lambda label, epoch: permutation(
        self._members[label].size, seed, RngStream.LABELLED_ORDER, label, epoch
      )
    )

  @property
  def smallest_class(self) -> int:
    """Number of labelled images of the smallest class."""
    return min(rows.size for rows in self._members)

  def __call__(self, step: int) -> np.ndarray:
    """Returns the images of a step, int64 [classes x images]."""
    round_, batch = divmod(step, self._batches_per_pass)
    start = batch * self._classes_per_batch
    classes = self._class_order(round_)[start : start + self._classes_per_batch]
    # Each class is drawn once per pass: the pass counts its draws.
    first_draw = round_ * self._images_per_class
    drawn = [self._draw(c, first_draw) for c in classes]
    return np.stack(drawn, axis=1).reshape(-1)

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns the images in some rows of a step; see `Sampler`."""
    return self(step)[rows]

  def _draw(self, label: int, first: int) -> np.ndarray:
    members = self._members[label]
    draws = np.arange(first, first + self._images_per_class)
    # Images that fill whole batches; all images of a small class.
    usable = members.size // self._images_per_class * self._images_per_class
    epochs, positions = np.divmod(draws, usable or members.size)
    return np.array(
      [
        members[self._image_order(label, e)[p]]
        for e, p in zip(epochs.tolist(), positions.tolist(), strict=True)
      ]
    )


def check_every_class(labels: np.ndarray, class_names: Sequence[str]) -> None:
  """Checks that every class has a labelled image.

  Args:
    labels: Labels of the labelled images, integer [n].
    class_names: Names of the classes, by label.

  Raises:
    ValueError: If classes have no labelled image; the message names them.
  """
  counts = np.bincount(labels, minlength=len(class_names))
  empty = [class_names[c] for c in np.flatnonzero(counts == 0).tolist()]
  if empty:
    raise UserError(
      f"No labelled image for class {shorten(empty)} ({len(empty)} of "
      f"{len(class_names)} classes); expected at least one in each. Lower "
      "--config.data.validation.per_class, or change "
      "--config.data.labelled.per_class, .fraction or .file."
    )
