"""Wording of a result: numbers and names as text."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from suncet_jax.plugins import (
  metric_explanations,
  metric_titles,
  telling_metrics,
)

NOTHING = "\N{EN DASH}"
_UNITS = (
  (1e18, "E"),
  (1e15, "P"),
  (1e12, "T"),
  (1e9, "G"),
  (1e6, "M"),
  (1e3, "k"),
)
_DURATIONS = (
  (86400, "d", 3600, "h"),
  (3600, "h", 60, "min"),
  (60, "min", 1, "s"),
)


def metric_names(results: Sequence[Mapping[str, Any]]) -> list[str]:
  """Returns the metrics that any result has, the known ones first.

  Args:
    results: Contents of `result.json`.

  Returns:
    Names of the metrics that are finite in any of them.
  """
  present = {
    name
    for result in results
    for name, value in metrics_of(result).items()
    if as_number(value) is not None
  }
  known = [name for name in metric_titles() if name in present]
  return known + sorted(present - set(known))


def metrics_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
  """Returns the telling metrics of a result; empty without any."""
  classes = as_number(result.get("class_count")) or 0
  return telling_metrics(result.get("metrics") or {}, int(classes))


def metric_label(name: str) -> str:
  """Returns the title of a metric, or its name if it is unknown."""
  return metric_titles().get(name, name)


def metric_explanation(name: str) -> str:
  """Returns one line on how a metric is measured; empty if unknown."""
  return metric_explanations().get(name, "")


def as_number(value: object) -> float | None:
  """Returns a JSON value if it is a finite number, else None."""
  if isinstance(value, bool) or not isinstance(value, (int, float)):
    return None
  return value if math.isfinite(value) else None


def percent(value: object) -> str:
  """Writes a fraction as percent, e.g. 0.9731 as "97.3 %"."""
  number = as_number(value)
  return NOTHING if number is None else f"{100 * number:.1f} %"


def brief(value: object) -> str:
  """Writes a large number with a unit: 0.25, 4,382, 1.25M, 3G."""
  number = as_number(value)
  if number is None:
    return NOTHING
  return f"{number:,.0f}" if 1e3 <= abs(number) < 1e6 else short(number)


def count(value: object) -> str:
  """Writes a count with thousands set apart, e.g. 1,281,167 or 99.98."""
  number = as_number(value)
  if number is None:
    return NOTHING
  return f"{number:,.0f}" if number == round(number) else f"{number:,.2f}"


def short(value: float) -> str:
  """Writes a number briefly: 0, 0.25, 500, 12k, 1.25M, 3G.

  Args:
    value: Finite number.

  Returns:
    At most four significant digits and a unit.
  """
  value = float(f"{value:.4g}")  # 999,999 is 1M, not 1000k
  for size, unit in _UNITS:
    if abs(value) >= size:
      return f"{value / size:g}{unit}"
  return f"{value:g}"


def duration(value: object) -> str:
  """Writes seconds as the two largest units, e.g. "1 h 12 min"."""
  number = as_number(value)
  if number is None:
    return NOTHING
  seconds = round(number)
  for size, unit, small, small_unit in _DURATIONS:
    if seconds >= size:
      rest = seconds % size // small
      return f"{seconds // size} {unit} {rest} {small_unit}"
  return f"{seconds} s"


def versions(value: object) -> str:
  """Writes versions in one line, e.g. "jax 0.10.2, numpy 2.4.6"."""
  if isinstance(value, Mapping):
    return ", ".join(f"{name} {number}" for name, number in value.items())
  return str(value) if value else NOTHING
