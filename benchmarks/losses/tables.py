"""Tables of one loss: times, memory and limits, a line per row."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.harness import command
from benchmarks.harness.columns import Column, Pair
from benchmarks.losses import limits
from benchmarks.losses.columns import LIMITED, Embeddings
from benchmarks.losses.measure import Measured

Pairs = Sequence[Pair]
Results = Mapping[Embeddings, Measured]

_SHORT = {"float32": "fp32", "bfloat16": "bf16"}


def times_table(
  results: Results, columns: Mapping[str, Column], pairs: Pairs
) -> str:
  """Returns a table of milliseconds and ratios."""
  ratios = [f"{columns[a].title} / {columns[b].title}" for a, b in pairs]
  rows = (
    [
      row.title,
      *(command.milliseconds(measured.seconds(name)) for name in columns),
      *(_ratio(measured, *pair) for pair in pairs),
    ]
    for row, measured in results.items()
  )
  return command.table([*_titles(columns), *ratios], rows)


def memory_table(results: Results, columns: Mapping[str, Column]) -> str:
  """Returns a table of megabytes: temporary / whole process."""
  rows = (
    [row.title, *(_megabytes(measured.facts(name)) for name in columns)]
    for row, measured in results.items()
  )
  return command.table(_titles(columns), rows)


def limits_table(results: Results, repeats: int) -> str:
  """Returns a table of limits and of our distance from them, if measured."""
  rows = [
    [row.title, *_limit_cells(row, measured, repeats)]
    for row, measured in results.items()
    if measured.facts("limit")
  ]
  return command.table(_limit_titles(), rows) if rows else ""


def _titles(columns: Mapping[str, Column]) -> list[str]:
  return ["n x d", *(column.title for column in columns.values())]


def _ratio(measured: Measured, theirs: str, ours: str) -> str:
  seconds = measured.group_of(theirs, ours).seconds
  return command.ratio(seconds.get(theirs), seconds.get(ours))


def _megabytes(facts: Mapping[str, Any]) -> str:
  """Returns "temporary / peak", without unknown values."""
  known = (facts.get("temporary_bytes"), facts.get("peak_bytes"))
  if not any(known):
    return ""
  return " / ".join("-" if b is None else f"{b / 1e6:.1f}" for b in known)


def _limit_titles() -> list[str]:
  titles = ["n x d", "exp, G/s"]
  for dtype in LIMITED:
    titles.append(f"{_SHORT[dtype]} products, GF/s")
    for method in limits.METHODS:
      titles.append(f"{method.title} limit, {_SHORT[dtype]}")
      titles.append(f"{method.title} limit / ours {_SHORT[dtype]}")
  return titles


def _limit_cells(
  row: Embeddings, measured: Measured, repeats: int
) -> list[str]:
  rates = measured.facts("limit")["rates"]
  exps = limits.best(rates, "exp", repeats)
  cells = [f"{statistics.median(exps) / 1e9:.2f}"]
  for dtype, name in LIMITED.items():
    products = limits.best(rates, dtype, repeats)
    cells.append(f"{statistics.median(products) / 1e9:.0f}")
    ours = measured.group_of("limit", name).seconds.get(name)
    for method in limits.METHODS:
      seconds = limits.seconds(method, row, products, exps)
      cells += [command.milliseconds(seconds), command.ratio(seconds, ours)]
  return cells
