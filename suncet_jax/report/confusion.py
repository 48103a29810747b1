"""Confusion matrix of a run."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from suncet_jax.report import wording
from suncet_jax.report.data import ReportData
from suncet_jax.report.page import Column, Paragraph, Part, Table

# Number of classes that fit on a page; beyond it only the most confused.
_MOST_CLASSES = 20
_MOST_CONFUSIONS = 12


@dataclasses.dataclass(frozen=True)
class Cell:
  """A cell of the matrix.

  Attributes:
    text: Percent of the row; empty if zero.
    words: Count, shown at the pointer.
    tint: Strength of the cell's colour in percent.
    is_right: Whether it is on the diagonal.
  """

  text: str
  words: str
  tint: int
  is_right: bool


@dataclasses.dataclass(frozen=True)
class Confusions(Part):
  """A confusion matrix beside its most frequent confusions.

  Attributes:
    names: Names of the classes, above the columns.
    rows: Rows of the matrix: name of the class and cells.
    frequent: Table of the most frequent confusions, or None without any.
  """

  names: Sequence[str]
  rows: Sequence[tuple[str, Sequence[Cell]]]
  frequent: Table | None
  template = "confusion.html.j2"


def confusion_parts(data: ReportData) -> list[Part]:
  """Returns the confusion matrix and the most frequent confusions.

  Args:
    data: Report data of the run.

  Returns:
    Parts of a page; none if there are no predictions.
  """
  is_known = (data.labels >= 0) & (data.predictions >= 0)
  labels, predictions = data.labels[is_known], data.predictions[is_known]
  if not len(labels):
    return []
  counts = confusion_counts(labels, predictions)
  shown = _shown_classes(counts)
  words = (
    f"All {wording.count(len(labels))} test images, by {data.predicted_by}. "
    "Rows are true classes, columns what they are taken for, in percent of "
    "the row."
  )
  if len(shown) < len(counts):
    words += (
      f" Of {len(counts)} classes, {len(shown)} with frequent confusions are "
      "shown."
    )
  names = [data.class_name(label) for label in shown]
  rows = [
    (name, _row(counts[label], label, shown))
    for label, name in zip(shown, names, strict=True)
  ]
  confusions = Confusions(names, rows, _frequent(counts, data))
  return [Paragraph(words, is_soft=True), confusions]


def confusion_counts(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
  """Counts every pair of a true and a predicted class.

  Args:
    labels: True classes, int [n], not negative.
    predictions: Predicted classes, int [n], not negative.

  Returns:
    Counts, int64 [c, c]; c is one more than the largest class that occurs.
  """
  size = int(max(labels.max(), predictions.max())) + 1
  counts = np.zeros((size, size), np.int64)
  np.add.at(counts, (labels, predictions), 1)
  return counts


def _shown_classes(counts: np.ndarray) -> Sequence[int]:
  if len(counts) <= _MOST_CLASSES:
    return range(len(counts))
  # Both classes of each confusion are shown, from the most frequent on.
  pairs = _most_frequent(counts, _MOST_CLASSES**2)
  both = dict.fromkeys(label for pair in pairs for label in pair)
  return sorted(list(both)[:_MOST_CLASSES])


def _most_frequent(counts: np.ndarray, limit: int) -> list[tuple[int, int]]:
  """Returns pairs of true and predicted class, most frequent first."""
  wrong = counts - np.diag(np.diag(counts))
  order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
  labels, others = np.unravel_index(order[wrong.flat[order] > 0], wrong.shape)
  return list(zip(labels.tolist(), others.tolist(), strict=True))


def _row(counts: np.ndarray, label: int, shown: Sequence[int]) -> list[Cell]:
  total = max(1, counts.sum())
  return [_cell(counts[other], total, other == label) for other in shown]


def _cell(count: int, total: int, is_right: bool) -> Cell:
  share = count / total
  # Doubled off the diagonal, so that a few percent are visible.
  tint = 100 * (share if is_right else min(1.0, 2 * share))
  text = f"{100 * share:.0f}" if 100 * share > 0.5 else "<1"
  return Cell(
    text=text if count else "",
    words=f"{count} of {total}",
    tint=round(tint),
    is_right=is_right,
  )


def _frequent(counts: np.ndarray, data: ReportData) -> Table | None:
  rows = []
  for label, other in _most_frequent(counts, _MOST_CONFUSIONS):
    count = int(counts[label, other])
    share = wording.percent(count / counts[label].sum())
    names = data.class_name(label), data.class_name(other)
    rows.append([*names, wording.count(count), share])
  columns = (
    Column("true class"),
    Column("taken for"),
    Column("images", is_number=True),
    Column("of its class", is_number=True),
  )
  return Table(columns, rows) if rows else None
