"""Mean and spread of the curves of several runs, on a common grid."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Curve = tuple[np.ndarray, np.ndarray]


class Spread(NamedTuple):
  """Mean and standard deviation of curves.

  Attributes:
    x: Positions, float64 [n], ascending.
    mean: Mean over the curves, float64 [n].
    deviation: Sample standard deviation, float64 [n]; 0 for one curve.
    count: Number of curves.
  """

  x: np.ndarray
  mean: np.ndarray
  deviation: np.ndarray
  count: int  # type: ignore[assignment]  # hides tuple.count, unused here


def mean_and_spread(curves: Sequence[Curve], points: int = 300) -> Spread:
  """Averages curves over the range that all of them cover.

  Curves are interpolated linearly between their points.

  Args:
    curves: Positions [n] and values [n] of each run; points that are not finite
      are left out.
    points: Largest number of positions of the result.

  Returns:
    Mean and deviation; empty if no position is covered by all curves.
  """
  kept = [c for c in map(finite_curve, curves) if c[0].size]
  if not kept:
    return Spread(np.zeros(0), np.zeros(0), np.zeros(0), 0)
  if len(kept) == 1:
    x, mean = kept[0]
    return Spread(x, mean, np.zeros_like(mean), 1)
  x = _common_grid(kept, points)
  values = np.stack([np.interp(x, *curve) for curve in kept])
  return Spread(x, values.mean(axis=0), values.std(axis=0, ddof=1), len(kept))


def finite_curve(curve: Curve) -> Curve:
  """Returns the finite points of a curve in ascending order of positions."""
  x, y = (np.asarray(values, np.float64) for values in curve)
  is_finite = np.isfinite(x) & np.isfinite(y)
  x, y = x[is_finite], y[is_finite]
  order = np.argsort(x, kind="stable")
  return x[order], y[order]


def thinned(curve: Curve, points: int = 300) -> Curve:
  """Shortens a long curve: means over neighbouring points, both ends kept."""
  x, y = curve
  if len(x) <= points:
    return curve
  starts = np.linspace(0, len(x), points - 1, dtype=int)[:-1]
  sizes = np.diff(np.append(starts, len(x)))
  x, y = (
    np.concatenate([v[:1], np.add.reduceat(v, starts) / sizes, v[-1:]])
    for v in (x, y)
  )
  return x, y


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
  """Smooths a curve; at its ends the window is shorter.

  Args:
    values: Values of the curve, float [n].
    width: Length of the window, odd.

  Returns:
    Mean over the window around each value, float64 [n].
  """
  half = width // 2
  sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
  centre = np.arange(len(values))
  first = np.maximum(centre - half, 0)
  end = np.minimum(centre + half + 1, len(values))
  return (sums[end] - sums[first]) / (end - first)


def _common_grid(curves: Sequence[Curve], points: int) -> np.ndarray:
  low = max(x[0] for x, _ in curves)
  high = min(x[-1] for x, _ in curves)
  grid = np.unique(np.concatenate([x for x, _ in curves]))
  grid = grid[(grid >= low) & (grid <= high)]
  return np.linspace(low, high, points) if len(grid) > points else grid
