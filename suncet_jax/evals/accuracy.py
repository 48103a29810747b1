"""Top-1 and top-5 accuracy, counted exactly."""

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from suncet_jax.evals import _checks


class Accuracy(NamedTuple):
  """Accuracies as fractions in [0, 1].

  Attributes:
    top1: Fraction of the examples whose label has the highest score.
    top5: Fraction whose label is among the min(5, c) highest scores.
    count: Number of examples.
  """

  top1: float
  top5: float
  count: int  # type: ignore[assignment]  # hides tuple.count, unused here


def topk_accuracy(scores: ArrayLike, labels: ArrayLike) -> Accuracy:
  """Returns how often the label is the first, or among the first five.

  Of equal scores the lower class index comes first. The count is then the same
  everywhere, and a classifier that gives all classes the same score is right
  only for class 0. An example with a NaN among its scores counts as wrong.

  Args:
    scores: Real scores [n, c] on any scale; a higher one is more likely.
    labels: Integer labels [n] in [0, c).

  Returns:
    The accuracies over all n examples, as fractions.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, there is no example, or a label is
      outside [0, c).

  >>> topk_accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
  Accuracy(top1=0.5, top5=1.0, count=2)
  """
  scores = np.asarray(scores)
  _checks.check_matrix("scores", scores)
  count, class_count = scores.shape
  labels = _checks.checked_labels("labels", labels, count, class_count)
  place = _label_places(scores, labels)
  return Accuracy(
    top1=int(np.sum(place < 1)) / count,
    top5=int(np.sum(place < min(5, class_count))) / count,
    count=count,
  )


def _label_places(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
  """Returns the place [n] of the label among the classes; c after a NaN."""
  own = np.take_along_axis(scores, labels[:, None], axis=1)  # [n, 1]
  is_lower_index = np.arange(scores.shape[1])[None] < labels[:, None]
  is_before = (scores > own) | ((scores == own) & is_lower_index)
  has_nan = np.isnan(scores).any(axis=1)
  return np.where(has_nan, scores.shape[1], is_before.sum(axis=1))
