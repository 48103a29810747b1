"""Power law of a learning curve: accuracy against the number of labels.

Accuracy approaches a limit as limit - scale n^-exponent (Cortes et al. 1993,
Learning Curves: Asymptotic Values and Rate of Convergence, equation 3, for
errors).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_EXPONENTS = np.geomspace(0.05, 3.0, 200)
# Of a mean of draws; what the law itself may be wrong by.
_LEAST_DEVIATION = 0.005
_RESAMPLES = 200
_INTERVAL = (0.05, 0.95)


class PowerLaw(NamedTuple):
  """A fitted curve.

  Attributes:
    limit: Accuracy that it approaches, at most 1.
    scale: Accuracy that is missing with one label per class, not negative.
    exponent: Exponent, above 0.
  """

  limit: float
  scale: float
  exponent: float

  def accuracy(self, count: float) -> float:
    """Returns the accuracy with so many labels per class, above 0."""
    return self.limit - self.scale * count**-self.exponent

  def needed(self, accuracy: float) -> float:
    """Returns the labels per class for an accuracy; infinity beyond `limit`."""
    missing = self.limit - accuracy
    if missing <= 0:
      return np.inf
    with np.errstate(over="ignore"):
      return float((self.scale / missing) ** (1 / self.exponent))


class Estimate(NamedTuple):
  """A number read off a fitted curve.

  Attributes:
    value: Number of the curve through all draws.
    low: 5 % quantile over resampled draws.
    high: 95 % quantile over resampled draws.
  """

  value: float
  low: float
  high: float


class Fit(NamedTuple):
  """A power law, and those of resampled draws.

  Attributes:
    law: Curve through the means of all draws.
    resampled: Curves through means of draws, drawn with replacement.
  """

  law: PowerLaw
  resampled: Sequence[PowerLaw]

  def accuracy(self, count: float) -> Estimate:
    """Returns the accuracy with so many labels per class."""
    return self._estimate([each.accuracy(count) for each in self._all()])

  def needed(self, accuracy: float) -> Estimate:
    """Returns the labels per class that an accuracy needs."""
    return self._estimate([each.needed(accuracy) for each in self._all()])

  def _all(self) -> list[PowerLaw]:
    return [self.law, *self.resampled]

  def _estimate(self, numbers: Sequence[float]) -> Estimate:
    value, *others = numbers
    # Not interpolated: some may be infinite.
    low, high = np.quantile(others, _INTERVAL, method="nearest")
    return Estimate(float(value), float(low), float(high))


def fit(counts: Sequence[int], accuracies: np.ndarray, seed: int = 0) -> Fit:
  """Fits a power law to a learning curve.

  The interval of what it foretells comes from the draws; that the law itself
  may not hold is not in it.

  Args:
    counts: Labels per class, k of them, rising.
    accuracies: Accuracies in [0, 1] of each draw, [draws, k].
    seed: Seed of the resampling.

  Raises:
    ValueError: If there are fewer than three counts or two draws.
  """
  draws, points = accuracies.shape
  if points < 3 or draws < 2:
    raise ValueError(
      f"a power law needs 3 numbers of labels and 2 draws, got {points} and "
      f"{draws}"
    )
  weights = 1 / (accuracies.var(axis=0, ddof=1) / draws + _LEAST_DEVIATION**2)
  rng = np.random.default_rng(seed)
  chosen = rng.integers(draws, size=(_RESAMPLES, draws))
  n = np.asarray(counts, float)
  return Fit(
    _fitted(n, accuracies.mean(axis=0), weights),
    [_fitted(n, accuracies[rows].mean(axis=0), weights) for rows in chosen],
  )


def _fitted(n: np.ndarray, means: np.ndarray, weights: np.ndarray) -> PowerLaw:
  """Returns the law with the least weighted squared error."""
  laws = [_linear(n, means, weights, exponent) for exponent in _EXPONENTS]
  errors = [
    (weights * (law.limit - law.scale * n**-law.exponent - means) ** 2).sum()
    for law in laws
  ]
  return laws[int(np.argmin(errors))]


def _linear(
  n: np.ndarray, means: np.ndarray, weights: np.ndarray, exponent: float
) -> PowerLaw:
  """Returns the best law of an exponent, of which the rest is linear."""
  x = n**-exponent
  share = weights / weights.sum()
  x_mean, mean = share @ x, share @ means
  slope = share @ ((x - x_mean) * (means - mean)) / (share @ (x - x_mean) ** 2)
  limit = mean - slope * x_mean
  if limit > 1:  # then the best line through 1
    limit, slope = 1.0, share @ (x * (means - 1)) / (share @ x**2)
  if slope > 0:  # more labels do no good: a level
    limit, slope = mean, 0.0
  return PowerLaw(float(limit), float(-slope), float(exponent))
