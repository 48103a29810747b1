"""Which candidates go on, and which one is recommended.

Successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943): each round
doubles the budget and keeps the better half, by the mean accuracy over seeds on
the validation images. At the end the cheapest candidate that is within one
standard error of the best, over the differences within a seed, is recommended:
what costs less and is as good. Test images are looked at after that, once.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

# Accuracy on validation images by seed.
Accuracies = Mapping[int, float]


class Difference(NamedTuple):
  """Differences between two candidates, within a seed.

  Attributes:
    mean: Mean over seeds.
    error: Standard error of the mean; infinite with one seed.
    each: Differences by seed.
  """

  mean: float
  error: float
  each: Sequence[float]


def difference(one: Accuracies, other: Accuracies) -> Difference:
  """Returns how far one candidate is ahead of another.

  Args:
    one: Accuracies by seed.
    other: Those of the other, of the same seeds.
  """
  each = [one[seed] - other[seed] for seed in one]
  spread = np.std(each, ddof=1) if len(each) > 1 else math.inf
  return Difference(
    float(np.mean(each)), float(spread / math.sqrt(len(each))), each
  )


def better_half(found: Mapping[str, Accuracies]) -> list[str]:
  """Returns the names of the better half, rounded up, the best first.

  Args:
    found: Accuracies of each candidate.
  """
  order = ranked(found)
  return order[: math.ceil(len(order) / 2)]


def ranked(found: Mapping[str, Accuracies]) -> list[str]:
  """Returns the names by mean accuracy, the best first.

  Args:
    found: Accuracies of each candidate; of equal ones the first goes first.
  """
  return sorted(
    found, key=lambda name: -float(np.mean([*found[name].values()]))
  )


def recommended(
  found: Mapping[str, Accuracies], costs: Mapping[str, float]
) -> str:
  """Returns the name of the candidate to take.

  Args:
    found: Accuracies of each candidate.
    costs: Images that each has processed.
  """
  best = ranked(found)[0]

  def is_as_good(name: str) -> bool:
    behind = difference(found[best], found[name])
    # One seed tells no spread: then only the best is as good.
    error = behind.error if math.isfinite(behind.error) else 0.0
    return behind.mean <= error

  able = [name for name in ranked(found) if is_as_good(name)]
  return min(able, key=lambda name: costs[name])
