"""Which images a step sees: pure functions of (seed, step).

No iterator has a position to save: any step of any epoch can be asked for at
any time and on any number of hosts.
"""

import functools

import numpy as np

from suncet_jax.data.permutation import Purpose, permutation


class UnlabelledSampler:
  """Goes through the pool in a new order each epoch.

  The last incomplete batch of an epoch is dropped, as in Assran et al. 2020
  (arXiv 2006.10803).
  """

  def __init__(self, pool_size: int, batch_size: int, seed: int) -> None:
    """Checks that the pool holds a batch.

    Args:
      pool_size: Number of images.
      batch_size: Images per step, over all devices.
      seed: Of the orders.

    Raises:
      ValueError: If one batch needs more images than there are.
    """
    if batch_size > pool_size:
      raise ValueError(
        f"data.batch_size is {batch_size}, but the unlabelled pool has only "
        f"{pool_size} images. Lower --config.data.batch_size."
      )
    self.steps_per_epoch = pool_size // batch_size
    self._batch_size = batch_size
    self._order = functools.lru_cache(maxsize=2)(
      lambda epoch: permutation(
        pool_size, seed, Purpose.UNLABELLED_ORDER, epoch
      )
    )

  def __call__(self, step: int) -> np.ndarray:
    """Returns the positions in the pool for a step, int64 [batch_size]."""
    epoch, batch = divmod(step, self.steps_per_epoch)
    start = batch * self._batch_size
    return self._order(epoch)[start : start + self._batch_size]


class ClassBalancedSampler:
  """Draws classes_per_batch classes x images_per_class images.

  Classes come from a random order without replacement, and so do the images
  of a class; what is left over at the end of an order and does not fill a batch
  waits for the next order. So no batch holds an image twice, unless a class has
  fewer than `images_per_class`: then all of it comes before any comes again.
  Rows are interleaved, class after class, so that every device gets many
  classes.
  """

  def __init__(
    self,
    labels: np.ndarray,
    class_count: int,
    *,
    classes_per_batch: int,
    images_per_class: int,
    seed: int,
  ) -> None:
    """Sorts the labelled images by class.

    Args:
      labels: Integer [n], the labels of the labelled images.
      class_count: Number of classes; labels lie in [0, class_count).
      classes_per_batch: Classes per step.
      images_per_class: Images of each of them, over all devices.
      seed: Of the orders.

    Raises:
      ValueError: If a class has no image, or there are too few classes.
    """
    self._members = [np.flatnonzero(labels == c) for c in range(class_count)]
    empty = [c for c, rows in enumerate(self._members) if not rows.size]
    if empty:
      raise ValueError(
        f"No labelled image for class {', '.join(map(str, empty[:20]))} "
        f"({len(empty)} of {class_count} classes); expected at least one in "
        "each. Change --config.data.labelled.per_class, .fraction or .file."
      )
    if classes_per_batch > class_count:
      raise ValueError(
        f"data.labelled.classes_per_batch is {classes_per_batch}, but there "
        f"are {class_count} classes. Lower it."
      )
    self._images_per_class = images_per_class
    self._classes_per_batch = classes_per_batch
    self._batches_per_pass = class_count // classes_per_batch
    self._class_order = functools.lru_cache(maxsize=2)(
      lambda epoch: permutation(class_count, seed, Purpose.CLASS_ORDER, epoch)
    )
    self._image_order = functools.lru_cache(maxsize=2 * class_count)(
      lambda label, epoch: permutation(
        self._members[label].size, seed, Purpose.LABELLED_ORDER, label, epoch
      )
    )

  @property
  def smallest_class(self) -> int:
    """Number of labelled images of the class that has the fewest."""
    return min(rows.size for rows in self._members)

  def __call__(self, step: int) -> np.ndarray:
    """Returns rows of `labels` for a step, int64 [classes x images]."""
    round_, batch = divmod(step, self._batches_per_pass)
    start = batch * self._classes_per_batch
    classes = self._class_order(round_)[start : start + self._classes_per_batch]
    # Each class is drawn once per pass: the pass counts its draws.
    first_draw = round_ * self._images_per_class
    drawn = [self._draw(c, first_draw) for c in classes]
    return np.stack(drawn, axis=1).reshape(-1)

  def _draw(self, label: int, first: int) -> np.ndarray:
    members = self._members[label]
    draws = np.arange(first, first + self._images_per_class)
    # What fits whole batches; of a small class everything.
    usable = members.size // self._images_per_class * self._images_per_class
    epochs, positions = np.divmod(draws, usable or members.size)
    return np.array(
      [
        members[self._image_order(label, e)[p]]
        for e, p in zip(epochs.tolist(), positions.tolist(), strict=True)
      ]
    )
