"""Tables of a comparison that show every method, each as it classifies."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from suncet_jax.compare.criterion import (
  ACCURACIES,
  Curve,
)
from suncet_jax.compare.folder import Measured
from suncet_jax.compare.grid import REFERENCE
from suncet_jax.compare.tables import (
  HIT,
  NOTHING,
  Table,
  by_name,
  hit,
  percent,
  spread,
)
from suncet_jax.plugins import evaluations, method_spec, metric_titles

BASELINE = "supervised"
_OWN = "own"  # a measure: the accuracy of each method's predictor


def which_method(results: Sequence[Measured]) -> Table:
  """Tabulates the methods by accuracy, each by its predictor, with its cost.

  Labels alone may be there several times, with other views or optimizers; the
  differences are to the best of these in the mean.

  Args:
    results: Results with one number of labels.
  """
  groups = by_name(results)
  ends = {name: _ends(group) for name, group in groups.items()}
  order = sorted(groups, key=lambda name: -_mean(ends[name]))
  alone = [name for name in order if groups[name][0].method == BASELINE]
  best = ends[alone[0]] if alone else {}
  rows = [
    [
      name,
      metric_titles()[_metric(groups[name][0].method)],
      spread(list(ends[name].values())),
      ", ".join(map(percent, ends[name].values())),
      NOTHING if name in alone[:1] else _difference(ends[name], best),
      *_costs(groups[name]),
    ]
    for name in order
  ]
  header = [
    "method",
    "classifies by",
    "accuracy",
    "by seed",
    "over labels alone",
    "images processed",
    "minutes",
    "FLOPs",
  ]
  return Table(header, rows)


def first_hits(results: Sequence[Measured]) -> Table | None:
  """Tabulates where each method first reaches SimCLR's final accuracy.

  Args:
    results: Results with one number of labels.

  Returns:
    The table, or None without runs of SimCLR and of another method. An entry
    whose seeds are not SimCLR's is left out, as is one that was not measured.
  """
  curves = {
    name: {r.seed: _with_own(r) for r in group}
    for name, group in by_name(results).items()
  }
  simclr = curves.pop(REFERENCE, {})
  rows = [
    [name, title, *hit(simclr, other, accuracy)]
    for name, other in curves.items()
    if simclr.keys() == other.keys()
    for accuracy, title in _titles().items()
    if _is_measured(accuracy, (*simclr.values(), *other.values()))
  ]
  return Table(["method", "measure", *HIT], rows) if rows else None


def _titles() -> dict[str, str]:
  return {_OWN: "each by its own"} | {a: metric_titles()[a] for a in ACCURACIES}


def _is_measured(accuracy: str, curves: Iterable[Curve]) -> bool:
  """Returns whether every point of the curves has an accuracy."""
  return all(accuracy in point for curve in curves for point in curve)


def _metric(method: str) -> str:
  """Returns the metric of a method's predictor."""
  return next(iter(evaluations()[method_spec(method).predictor].metrics))


def _with_own(run: Measured) -> Curve:
  metric = _metric(run.method)
  return [
    {**point, _OWN: point[metric]} if metric in point else point
    for point in run.curve
  ]


def _ends(group: Sequence[Measured]) -> dict[int, float | None]:
  """Returns each seed's final accuracy by the predictor; None without it."""
  return {r.seed: r.curve[-1].get(_metric(r.method)) for r in group}


def _mean(ends: Mapping[int, float | None]) -> float:
  known = [value for value in ends.values() if value is not None]
  return float(np.mean(known)) if len(known) == len(ends) else -1.0


def _difference(
  ends: Mapping[int, float | None], others: Mapping[int, float | None]
) -> str:
  """Returns the mean difference and, in brackets, that of each seed."""
  found = [
    100 * (value - other)
    for seed, value in ends.items()
    if value is not None and (other := others.get(seed)) is not None
  ]
  if not found:
    return NOTHING
  each = ", ".join(f"{value:+.1f}" for value in found)
  return f"{np.mean(found):+.1f} ({each})"


def _costs(group: Sequence[Measured]) -> list[str]:
  end = group[0].curve[-1]
  minutes = np.mean([r.seconds for r in group]) / 60
  return [f"{end['images']:,}", f"{minutes:.1f}", f"{end['flops']:.2e}"]
