"""Sizes of the check, for an accelerator and for a try on a CPU."""

from typing import Any, NamedTuple

_BLOCKWISE = "tests/losses/test_losses_blockwise.py"
_GOLDEN = "tests/losses/test_losses_golden.py"
_LABELS = "tests/losses/test_losses_labels.py"
_LOSSES = ("ntxent", "suncet", "supcon_out", "supcon_in")
# By the preflight of ResNet-50 at 224 pixels in bfloat16: 69.4 GB for 1,024.
_BYTES_PER_ROW = 70 * 10**6
# 11 images in two views and 10 labelled rows of each 32, in 20 classes.
_LEAST_ROWS, _MOST_ROWS = 128, 1024


class Sizes(NamedTuple):
  """How much is computed.

  Attributes:
    tests: Tests of the losses, as pytest names them.
    rows: Rows of a training step; 0: as the device's memory allows.
    warm_up: Steps before those that are timed.
    steps: Steps that are timed.
    fields: Fields of configs/imagenet.py that are set, besides its batch.
    loss_rows: Numbers of embeddings.
    repeats: Evaluations of a loss, of which the median time counts.
    digits_epochs: Epochs of the digits.
  """

  tests: tuple[str, ...]
  rows: int
  warm_up: int
  steps: int
  fields: dict[str, Any]
  loss_rows: tuple[int, ...]
  repeats: int
  digits_epochs: int


FULL = Sizes(
  tests=(
    _GOLDEN,
    f"{_LABELS}::test_large_labels_are_compared_exactly",
    f"{_LABELS}::test_unsigned_labels",
    *(
      f"{_BLOCKWISE}::test_equals_the_materialised_form[{shape}-False-{loss}]"
      for shape in ("14-3", "36-1")
      for loss in _LOSSES
    ),
    f"{_BLOCKWISE}::test_low_temperature_in_float32",
    f"{_BLOCKWISE}::test_low_precision_product",
    f"{_BLOCKWISE}::test_nan_in_unlabelled_rows_reaches_nothing",
    f"{_BLOCKWISE}::test_memory_is_linear",
    f"{_BLOCKWISE}::test_many_keys",
    f"{_BLOCKWISE}::test_as_many_rows_as_there_may_be",
  ),
  rows=0,
  warm_up=3,
  steps=30,
  fields={"precision": "bfloat16"},
  loss_rows=(8192, 16384, 32768, 65536),
  repeats=5,
  digits_epochs=5,
)

SMALL = Sizes(
  tests=(f"{_GOLDEN}::test_suncet",),
  rows=128,
  warm_up=1,
  steps=3,
  fields={
    "precision": "bfloat16",
    "model.name": "resnet8",
    "augment.size": 32,
    "data.resize": 36,
    "data.centre_crop": 32,
  },
  loss_rows=(256, 512),
  repeats=2,
  digits_epochs=1,
)


def rows_that_fit(memory: int) -> int:
  """Returns the rows of a ResNet-50 step that a device should hold.

  Args:
    memory: Bytes that a program may take.
  """
  rows = _LEAST_ROWS
  while rows < _MOST_ROWS and 2 * rows * _BYTES_PER_ROW <= memory:
    rows *= 2
  return rows


def next_smaller(rows: int) -> int:
  """Returns half the rows; 0 where they would be too few.

  Args:
    rows: Rows that did not fit.
  """
  return rows // 2 if rows >= 2 * _LEAST_ROWS else 0


def fields_of(sizes: Sizes, rows: int) -> dict[str, Any]:
  """Returns the fields of configs/imagenet.py that give so many rows.

  Args:
    sizes: Sizes of the check.
    rows: Rows that a step encodes, a multiple of 64.
  """
  if rows < _LEAST_ROWS or rows % 64:
    raise ValueError(f"rows come in multiples of 64 from 128, got {rows}")
  return {
    **sizes.fields,
    "data.batch_size": 11 * rows // 32,
    "data.labelled.classes_per_batch": 20,
    "data.labelled.images_per_class": rows // 64,
  }
