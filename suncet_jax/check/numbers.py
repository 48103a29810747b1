"""Numbers of a training that fit a set of images and a machine.

They are where to begin, for configs/folder.py, and no result of a search.
"""

from typing import NamedTuple

# 200 steps of 32 images, of 216 crops of photographs, took three minutes on one
# CPU core that others used too, and the loss fell.
_LEAST_STEPS_ON_CPU = 200
_LEAST_STEPS = 1000
_LEAST_EPOCHS = 5
_FEW_LABELS = 10  # of a class; fewer are not worth a share for validation
_LEAST_BATCH, _LARGEST_BATCH_ON_CPU = 8, 64
_SIZE_ON_CPU = 64
_SMALLEST_MODEL = "resnet8"


class Images(NamedTuple):
  """Counts of the training images, without the test images.

  Attributes:
    total: All of them, labelled or not.
    smallest_class: Labelled images of the class with the fewest.
    classes: Number of classes.
  """

  total: int
  smallest_class: int
  classes: int


class Numbers(NamedTuple):
  """Numbers of a training, by the arguments of configs/folder.py.

  Attributes:
    labels: Labelled images per class; 0: all that validation leaves.
    validation: Images per class that are held out.
    batch: Unlabelled images per step.
    epochs: Passes over the unlabelled images.
    model: Name of the encoder.
    size: Height and width of a view, in pixels.
  """

  labels: int
  validation: int
  batch: int
  epochs: int
  model: str
  size: int


def fitting(wanted: Numbers, images: Images, *, on_cpu: bool) -> Numbers:
  """Returns the numbers that are wanted, changed as far as they do not fit.

  Args:
    wanted: Numbers of the configuration.
    images: Images to train with.
    on_cpu: Whether the machine has no accelerator.
  """
  validation, labels = _held_out(wanted, images.smallest_class)
  pool = images.total - images.classes * validation
  batch = _batch(wanted.batch, pool, on_cpu=on_cpu)
  fitted = wanted._replace(
    labels=labels,
    validation=validation,
    batch=batch,
    epochs=_epochs(wanted.epochs, steps_per_epoch(pool, batch), on_cpu=on_cpu),
  )
  if on_cpu:
    size = min(wanted.size, _SIZE_ON_CPU)
    return fitted._replace(model=_SMALLEST_MODEL, size=size)
  return fitted


def steps_per_epoch(pool: int, batch: int) -> int:
  """Returns the number of full batches of the unlabelled pool, at least 1."""
  return max(1, pool // batch)


def _held_out(wanted: Numbers, smallest: int) -> tuple[int, int]:
  """Returns images per class for validation and with labels; one has some."""
  # Of few images most shall teach, of very few all: see docs/tutorial.md.
  validation = min(wanted.validation, smallest // 3)
  if smallest < _FEW_LABELS:
    validation = 0
  return validation, min(wanted.labels, smallest - validation)


def _batch(wanted: int, pool: int, *, on_cpu: bool) -> int:
  """Returns a power of two, a quarter of the pool at most if that is not tiny.

  A loss that contrasts images needs several of them, an epoch several steps.
  """
  quarter = max(_LEAST_BATCH, _power_of_two(pool // 4))
  largest = min(quarter, _power_of_two(pool))
  if on_cpu:
    largest = min(largest, _LARGEST_BATCH_ON_CPU)
  return min(wanted, largest)


def _power_of_two(limit: int) -> int:
  """Returns the largest power of two up to a limit, at least 1."""
  return 1 << max(0, limit.bit_length() - 1)


def _epochs(wanted: int, steps: int, *, on_cpu: bool) -> int:
  """Returns epochs for enough steps: on a CPU no more, elsewhere no fewer."""
  if on_cpu:
    return max(_LEAST_EPOCHS, -(-_LEAST_STEPS_ON_CPU // steps))
  return max(wanted, -(-_LEAST_STEPS // steps))
