"""Which classes the encoder takes for which."""

import html
from collections.abc import Sequence

import numpy as np

from suncet_jax.report import markup, wording
from suncet_jax.report.data import ReportData

# As many classes fit on a page; of more, those with most confusions are shown.
_MOST_CLASSES = 20
_MOST_CONFUSIONS = 12


def confusion_parts(data: ReportData) -> list[str]:
  """Returns the confusion matrix and the most frequent confusions.

  Args:
    data: of the run.

  Returns:
    HTML parts; none if nothing was predicted.
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
  matrix = _matrix(counts, shown, [data.class_name(label) for label in shown])
  return [
    markup.paragraph(words, is_soft=True),
    f'<div class="beside">{matrix}{_list(counts, data)}</div>',
  ]


def confusion_counts(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
  """Counts every pair of a true and a predicted class.

  Args:
    labels: [n] integer, not negative.
    predictions: [n] integer, not negative.

  Returns:
    [c, c] int64; c is one more than the largest class that occurs.
  """
  size = int(max(labels.max(), predictions.max())) + 1
  counts = np.zeros((size, size), np.int64)
  np.add.at(counts, (labels, predictions), 1)
  return counts


def _shown_classes(counts: np.ndarray) -> Sequence[int]:
  if len(counts) <= _MOST_CLASSES:
    return range(len(counts))
  # Both classes of the most frequent confusions, as many as fit.
  pairs = _most_frequent(counts, _MOST_CLASSES**2)
  both = dict.fromkeys(label for pair in pairs for label in pair)
  return sorted(list(both)[:_MOST_CLASSES])


def _most_frequent(counts: np.ndarray, limit: int) -> list[tuple[int, int]]:
  """Returns pairs of a class and what it is taken for, most frequent first."""
  wrong = counts - np.diag(np.diag(counts))
  order = np.argsort(-wrong, axis=None, kind="stable")[:limit]
  labels, others = np.unravel_index(order[wrong.flat[order] > 0], wrong.shape)
  return list(zip(labels.tolist(), others.tolist(), strict=True))


def _matrix(
  counts: np.ndarray, shown: Sequence[int], names: Sequence[str]
) -> str:
  head = "".join(
    f'<th scope="col" title="{html.escape(name)}">{html.escape(name)}</th>'
    for name in names
  )
  rows = []
  for label, name in zip(shown, names, strict=True):
    total = max(1, counts[label].sum())
    cells = "".join(
      _cell(counts[label, other], total, other == label) for other in shown
    )
    title = html.escape(name)
    rows.append(f'<tr><th scope="row" title="{title}">{title}</th>{cells}</tr>')
  return (
    '<div class="wide" tabindex="0" role="region" '
    'aria-label="confusion matrix">'
    f'<table class="matrix"><thead><tr><td></td>{head}</tr></thead>'
    f"<tbody>{''.join(rows)}</tbody></table></div>"
  )


def _cell(count: int, total: int, is_right: bool) -> str:
  share = count / total
  # The eye must find a few percent off the diagonal.
  tint = 100 * (share if is_right else min(1.0, 2 * share))
  text = f"{100 * share:.0f}" if 100 * share > 0.5 else "&lt;1"
  return (
    f'<td class="{"right" if is_right else ""}" style="--share: {tint:.0f}%" '
    f'title="{count} of {total}">{text if count else ""}</td>'
  )


def _list(counts: np.ndarray, data: ReportData) -> str:
  rows = []
  for label, other in _most_frequent(counts, _MOST_CONFUSIONS):
    count = int(counts[label, other])
    rows.append(
      [
        markup.cell(data.class_name(label)),
        markup.cell(data.class_name(other)),
        markup.cell(wording.count(count), is_number=True),
        markup.cell(wording.percent(count / counts[label].sum()), True),
      ]
    )
  if not rows:
    return ""
  header = ("true class", "taken for", "images", "of its class")
  inside = markup.table(header, rows)
  return f"<div><h3>Most frequent confusions</h3>{inside}</div>"
