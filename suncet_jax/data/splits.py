"""Which training images are labelled, held out or unlabelled."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.data.permutation import Purpose, permutation


class Splits(NamedTuple):
  """Indices into the training set, int64, each sorted.

  Attributes:
    pool: Images whose labels are not used: all training images, labelled ones
      included, without the held-out ones (unless `validation.in_pool`).
    labelled: Images whose labels are used.
    validation: Held-out images for monitoring; disjoint from `labelled`.
  """

  pool: np.ndarray
  labelled: np.ndarray
  validation: np.ndarray


def make_splits(
  labels: np.ndarray,
  names: Sequence[str] | None,
  config: ConfigDict,
  class_count: int,
) -> Splits:
  """Splits the training set, stratified by class and seeded.

  Args:
    labels: Integer [n], all training labels.
    names: Image names in the same order, for a list of names; or None.
    config: The whole configuration; `data` and `seed` are read.
    class_count: Number of classes.

  Returns:
    The splits.

  Raises:
    ValueError: If labels are out of range, a class is too small or a list
      names unknown images.
  """
  check_labels("Training", labels, class_count)
  seed = config.seed if config.data.split_seed < 0 else config.data.split_seed
  by_class = [
    np.flatnonzero(labels == c)[
      permutation(int((labels == c).sum()), seed, Purpose.SPLIT, c)
    ]
    for c in range(class_count)
  ]
  wanted = config.data.labelled
  listed = _read_list(wanted.file, names, len(labels)) if wanted.file else None
  if listed is not None:  # the list decides: validation comes from the rest
    by_class = [rows[~np.isin(rows, listed)] for rows in by_class]
  held_out, rest = _take(by_class, config.data.validation.per_class)
  if listed is not None:
    labelled = listed
  elif wanted.per_class:
    labelled = np.concatenate(_take(rest, wanted.per_class)[0])
  else:
    totals = np.bincount(labels, minlength=class_count)
    labelled = _take_fraction(rest, totals, wanted.fraction)
  validation = np.concatenate(held_out)
  everything = np.arange(len(labels))
  in_pool = config.data.validation.in_pool
  pool = everything if in_pool else np.setdiff1d(everything, validation)
  return Splits(pool, np.sort(labelled), np.sort(validation))


def check_labels(kind: str, labels: np.ndarray, class_count: int) -> None:
  """Checks that there are labels, all of them in [0, class_count).

  Args:
    kind: "Training" or "Test", for the message.
    labels: Integer [n].
    class_count: Number of classes.

  Raises:
    ValueError: If not.
  """
  if not labels.size:
    raise ValueError(f"{kind} images: there are none.")
  is_wrong = (labels < 0) | (labels >= class_count)
  if is_wrong.any():
    first = int(np.argmax(is_wrong))
    raise ValueError(
      f"{kind} image {first} has label {labels[first]}, expected 0 to "
      f"{class_count - 1}; {int(is_wrong.sum())} labels are out of range."
    )


def _take(
  by_class: list[np.ndarray], count: int
) -> tuple[list[np.ndarray], list[np.ndarray]]:
  """Returns the first `count` of each class, and the rest."""
  for label, rows in enumerate(by_class):
    if rows.size < count:
      raise ValueError(
        f"Class {label} has {rows.size} images left, but {count} are asked "
        "for. Lower --config.data.labelled.per_class or "
        "--config.data.validation.per_class."
      )
  return [rows[:count] for rows in by_class], [
    rows[count:] for rows in by_class
  ]


def _take_fraction(
  rest: list[np.ndarray], totals: np.ndarray, fraction: float
) -> np.ndarray:
  """Takes a fraction of each class's total, rounded, but at least one."""
  counts = np.maximum(1, np.rint(totals * fraction).astype(int))
  for label, (rows, count) in enumerate(zip(rest, counts, strict=True)):
    if rows.size < count:
      raise ValueError(
        f"Class {label} has {rows.size} images outside the validation split, "
        f"but data.labelled.fraction {fraction} asks for {count}. Lower it or "
        "--config.data.validation.per_class."
      )
  return np.concatenate(
    [rows[:count] for rows, count in zip(rest, counts, strict=True)]
  )


def _read_list(
  path: str, names: Sequence[str] | None, count: int
) -> np.ndarray:
  """Reads indices, or names when the data set has any, one per line."""
  lines = pathlib.Path(path).read_text().split()
  if names is not None:
    position = {name: i for i, name in enumerate(names)}
    unknown = [line for line in lines if line not in position]
  else:
    unknown = [x for x in lines if not x.isdigit() or int(x) >= count]
  if unknown:
    expected = (
      f"names such as {names[0]!r}" if names else f"indices below {count}"
    )
    raise ValueError(
      f"data.labelled.file {path!r}: {len(unknown)} of {len(lines)} lines are "
      f"not images of the training set, the first is {unknown[0]!r}; expected "
      f"{expected}."
    )
  rows = [position[x] for x in lines] if names is not None else map(int, lines)
  return np.unique(np.fromiter(rows, dtype=np.int64))
