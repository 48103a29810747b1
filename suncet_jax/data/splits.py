"""Splits of the training images: labelled, held-out and unlabelled."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.console.words import shorten
from suncet_jax.data.name_lists import read_names
from suncet_jax.errors import UserError
from suncet_jax.files.text import readable
from suncet_jax.rng import RngStream, permutation


class Splits(NamedTuple):
  """Indices into the training set, int64, each sorted.

  Attributes:
    pool: Images whose labels are not used: all training images, with the
      labelled ones (`labelled.in_pool`), without the held-out ones (unless
      `validation.in_pool`).
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
  class_names: Sequence[str],
) -> Splits:
  """Splits the training set, stratified by class and seeded.

  Args:
    labels: Labels of all training images, integer [n]; -1 means unlabelled.
    names: Image names in the same order, for a list of names; or None.
    config: The whole configuration; `data` and `seed` are read.
    class_names: Names of the classes, by label.

  Returns:
    The splits.

  Raises:
    ValueError: If labels are out of range, a class is too small or a list
      names unknown images.
  """
  class_count = len(class_names)
  check_labels("Training", labels, class_count, may_lack=True)
  data = config.data
  seed = config.seed if data.split_seed < 0 else data.split_seed
  shuffled = [
    rows[permutation(rows.size, seed, RngStream.SPLIT, c)]
    for c, rows in enumerate(by_class(labels, class_count))
  ]
  # Lists take precedence: images that they name are not drawn for another part.
  labelled = _listed("labelled", labels, names, config)
  validation = _listed("validation", labels, names, config)
  _check_disjoint(labelled, validation)
  if labelled is not None:
    shuffled = [rows[~np.isin(rows, labelled)] for rows in shuffled]
  if validation is None:
    count = data.validation.per_class
    _check_counts(shuffled, count, "data.validation.per_class", class_names)
    validation = np.concatenate([rows[:count] for rows in shuffled])
    shuffled = [rows[count:] for rows in shuffled]
  else:
    shuffled = [rows[~np.isin(rows, validation)] for rows in shuffled]
  if labelled is None:
    totals = np.bincount(labels[labels >= 0], minlength=class_count)
    labelled = _drawn(shuffled, totals, data.labelled, class_names)
  pool = np.arange(len(labels))
  if not data.validation.in_pool:
    pool = np.setdiff1d(pool, validation)
  if not data.labelled.in_pool:
    pool = np.setdiff1d(pool, labelled)
  return Splits(pool, np.sort(labelled), np.sort(validation))


def check_labels(
  kind: str, labels: np.ndarray, class_count: int, *, may_lack: bool = False
) -> None:
  """Checks that there are labels, all of them in [0, class_count).

  Args:
    kind: Kind of images for the message, "Training" or "Test".
    labels: Labels, integer [n].
    class_count: Number of classes.
    may_lack: Whether -1, for unlabelled, is permitted too.

  Raises:
    ValueError: If there is no label, or labels are out of range.
  """
  if not labels.size:
    raise UserError(f"{kind} images: there are none.")
  lowest = -1 if may_lack else 0
  is_wrong = (labels < lowest) | (labels >= class_count)
  if is_wrong.any():
    example = int(np.argmax(is_wrong))
    unlabelled = ", or -1 for unlabelled" if may_lack else ""
    raise UserError(
      f"{kind} image {example} has label {labels[example]}, expected 0 to "
      f"{class_count - 1}{unlabelled}; {int(is_wrong.sum())} labels are out of "
      "range."
    )


def _check_counts(
  rest: list[np.ndarray],
  wanted: int,
  setting: str,
  class_names: Sequence[str],
) -> None:
  """Checks that enough images of each class are left."""
  small = [c for c, rows in enumerate(rest) if rows.size < wanted]
  if small:
    shown = [f"{class_names[c]} ({rest[c].size})" for c in small]
    raise UserError(
      f"{setting} asks for {wanted} labelled images of each class, but fewer "
      f"are left of {shorten(shown)}. Lower one of the settings that take "
      "images: data.test_fraction comes first, then data.validation.per_class "
      "(the argument validation=), then data.labelled.per_class (labels=)."
    )


def _drawn(
  rest: list[np.ndarray],
  totals: np.ndarray,
  wanted: ConfigDict,
  class_names: Sequence[str],
) -> np.ndarray:
  """Draws the labelled images from those that validation leaves."""
  if wanted.per_class:
    count = wanted.per_class
    _check_counts(rest, count, "data.labelled.per_class", class_names)
    return np.concatenate([rows[:count] for rows in rest])
  if wanted.fraction == 1.0:
    return np.concatenate(rest)
  return _take_fraction(rest, totals, wanted.fraction, class_names)


def _take_fraction(
  rest: list[np.ndarray],
  totals: np.ndarray,
  fraction: float,
  class_names: Sequence[str],
) -> np.ndarray:
  """Takes a fraction of each class's total, rounded, but at least one."""
  counts = np.maximum(1, np.rint(totals * fraction).astype(int))
  for name, rows, count in zip(class_names, rest, counts, strict=True):
    if rows.size < count:
      raise UserError(
        f"Class {name} has {rows.size} images outside the validation split, "
        f"but data.labelled.fraction {fraction} asks for {count}. Lower it or "
        "--config.data.validation.per_class."
      )
  return np.concatenate(
    [rows[:count] for rows, count in zip(rest, counts, strict=True)]
  )


def _listed(
  part: str,
  labels: np.ndarray,
  names: Sequence[str] | None,
  config: ConfigDict,
) -> np.ndarray | None:
  """Returns the images that `data.<part>.file` lists; None without a file."""
  reference = config.data[part].file
  if not reference:
    return None
  lines = read_names(reference, config.data.data_dir)
  setting = f"data.{part}.file {reference!r}"
  rows = _positions(setting, lines, names, len(labels))
  bare = rows[labels[rows] < 0]
  if bare.size:
    name = names[bare[0]] if names is not None else bare[0]
    raise UserError(
      f"{setting}: {bare.size} of {rows.size} images have no label, the first "
      f"is {name!r}."
    )
  return rows


def _positions(
  setting: str, lines: list[str], names: Sequence[str] | None, count: int
) -> np.ndarray:
  """Finds images by name, or by index where the data set has no names."""
  if names is not None:
    # The first of equal names wins: unlabelled folders come last.
    last = len(names) - 1
    position = {
      readable(name): last - i for i, name in enumerate(reversed(names))
    }
    unknown = [line for line in lines if line not in position]
  else:
    unknown = [x for x in lines if not x.isdecimal() or int(x) >= count]
  if unknown:
    expected = (
      f"names such as {names[0]!r}" if names else f"indices below {count}"
    )
    raise UserError(
      f"{setting}: {len(unknown)} of {len(lines)} lines are not images of the "
      f"training set, the first is {unknown[0]!r}; expected {expected}."
    )
  rows = [position[x] for x in lines] if names is not None else map(int, lines)
  return np.unique(np.fromiter(rows, dtype=np.int64))


def _check_disjoint(
  labelled: np.ndarray | None, validation: np.ndarray | None
) -> None:
  if labelled is None or validation is None:
    return
  both = np.intersect1d(labelled, validation)
  if both.size:
    raise UserError(
      f"data.labelled.file and data.validation.file share {both.size} images, "
      f"the first is number {both[0]}; expected two lists without a common one."
    )


def by_class(labels: np.ndarray, class_count: int) -> list[np.ndarray]:
  """Groups positions by label.

  Args:
    labels: Labels, integer [n]; those outside of [0, class_count) are left out.
    class_count: Number of classes.

  Returns:
    The positions of each class's label, int64, ascending.
  """
  order = np.argsort(labels, kind="stable")
  bounds = np.searchsorted(labels[order], np.arange(class_count + 1))
  return [order[start:stop] for start, stop in itertools.pairwise(bounds)]
