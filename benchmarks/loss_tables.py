"""The tables of one loss: times, memory and limits, a line per row."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import loss_limits
import table
from loss_columns import LIMITED, Column
from loss_limits import METHODS
from loss_measure import Measured
from loss_rows import Row

Pairs = Sequence[tuple[str, str]]
Results = Mapping[Row, Measured]

_SHORT = {"float32": "fp32", "bfloat16": "bf16"}


def times(results: Results, columns: Mapping[str, Column], pairs: Pairs) -> str:
  """Returns a table of milliseconds and ratios."""
  ratios = [f"{columns[a].title} / {columns[b].title}" for a, b in pairs]
  head = table.head([*_titles(columns), *ratios])
  lines = (
    table.line(
      [
        row.title,
        *(table.milliseconds(measured.seconds(name)) for name in columns),
        *(_ratio(measured, *pair) for pair in pairs),
      ]
    )
    for row, measured in results.items()
  )
  return _joined(head, lines)


def memory(results: Results, columns: Mapping[str, Column]) -> str:
  """Returns a table of megabytes: temporary / whole process."""
  head = table.head(_titles(columns))
  lines = (
    table.line(
      [row.title, *(_megabytes(measured.facts(name)) for name in columns)]
    )
    for row, measured in results.items()
  )
  return _joined(head, lines)


def limits(results: Results, repeats: int) -> str:
  """Returns a table of limits and how near ours comes, where measured."""
  lines = [
    table.line([row.title, *_limit_cells(row, measured, repeats)])
    for row, measured in results.items()
    if measured.facts("limit")
  ]
  return _joined(table.head(_limit_titles()), lines) if lines else ""


def _titles(columns: Mapping[str, Column]) -> list[str]:
  return ["n x d", *(column.title for column in columns.values())]


def _joined(head: str, lines: Iterable[str]) -> str:
  return "\n".join([head, *lines])


def _ratio(measured: Measured, theirs: str, ours: str) -> str:
  seconds = measured.group_of(theirs, ours).seconds
  return table.ratio(seconds.get(theirs), seconds.get(ours))


def _megabytes(facts: Mapping[str, Any]) -> str:
  """Returns "temporary / peak", without what is not known."""
  known = (facts.get("temporary_bytes"), facts.get("peak_bytes"))
  if not any(known):
    return ""
  return " / ".join("-" if b is None else f"{b / 1e6:.1f}" for b in known)


def _limit_titles() -> list[str]:
  titles = ["n x d", "exp, G/s"]
  for dtype in LIMITED:
    titles.append(f"{_SHORT[dtype]} products, GF/s")
    for method in METHODS:
      titles.append(f"{method.title} limit, {_SHORT[dtype]}")
      titles.append(f"{method.title} limit / ours {_SHORT[dtype]}")
  return titles


def _limit_cells(row: Row, measured: Measured, repeats: int) -> list[str]:
  rates = measured.facts("limit")["rates"]
  exps = loss_limits.best(rates, "exp", repeats)
  cells = [f"{statistics.median(exps) / 1e9:.2f}"]
  for dtype, name in LIMITED.items():
    products = loss_limits.best(rates, dtype, repeats)
    cells.append(f"{statistics.median(products) / 1e9:.0f}")
    ours = measured.group_of("limit", name).seconds.get(name)
    for method in METHODS:
      seconds = loss_limits.seconds(method, row, products, exps)
      cells += [table.milliseconds(seconds), table.ratio(seconds, ours)]
  return cells
