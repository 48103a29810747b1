"""Measures the columns of a row, as many at once as memory allows."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from benchmarks.harness.columns import Turns, measure
from benchmarks.harness.workers import WorkerError, available_memory, find_out
from benchmarks.losses.columns import Embeddings, LossColumn

# Share of the free memory to use, since estimates are not exact.
_SHARE = 0.9
_MOST_STEPS = 8


class Measured(NamedTuple):
  """Measured columns of a row.

  Attributes:
    groups: Columns that were measured in turn; some are in all groups.
    notes: One-line reasons of missing columns, by name.
  """

  groups: list[Turns]
  notes: dict[str, str]

  def group_of(self, *names: str) -> Turns:
    """Returns the first group that has all columns, or an empty one."""
    found = (g for g in self.groups if set(names) <= set(g.seconds))
    return next(found, Turns({}, {}, {}))

  def seconds(self, name: str) -> list[float] | None:
    """Returns the column's times, or None if it was not measured."""
    return self.group_of(name).seconds.get(name)

  def facts(self, name: str) -> dict[str, Any]:
    """Returns the column's facts; empty if it was not measured."""
    return self.group_of(name).facts.get(name, {})


def measure_row(
  row: Embeddings,
  columns: Mapping[str, LossColumn],
  references: Collection[str],
  repeats: int,
  steps: int | None = None,
) -> Measured:
  """Measures the columns of a row.

  Args:
    row: Embeddings that the columns get.
    columns: Columns by name.
    references: Names of columns that others are compared with; they are
      measured with every group.
    repeats: Number of turns of each column.
    steps: Number of steps of each turn; None: more for short steps.
  """
  steps = steps or max(1, min(_MOST_STEPS, 4096 // row.n))
  budget = _budget()
  notes = {
    name: reason
    for name, column in columns.items()
    if (reason := _too_large(column, row, budget))
  }
  groups = []
  possible = {n: c for n, c in columns.items() if n not in notes}
  for names in _groups(row, possible, references, budget):
    chosen = {name: columns[name] for name in names}
    group = measure(chosen, repeats, steps, n=row.n, d=row.d)
    groups.append(group)
    notes |= group.failures
  return Measured(groups, notes)


def _budget() -> float:
  free = available_memory()
  return float("inf") if free is None else _SHARE * free


def _too_large(
  column: LossColumn, row: Embeddings, budget: float
) -> str | None:
  """Returns the reason for leaving a column out, or None."""
  if row.n > column.most_rows:
    return f"left out, its limit is n = {column.most_rows}"
  needed = column.bytes_needed(row)
  if needed > budget:
    return f"left out, about {needed / 1e9:.1f} GB"
  return None


def _groups(
  row: Embeddings,
  columns: Mapping[str, LossColumn],
  references: Collection[str],
  budget: float,
) -> list[list[str]]:
  """Divides the columns so that each group fits into memory."""
  always = [name for name in columns if name in references]

  def size(names: list[str]) -> int:
    return sum(columns[name].bytes_needed(row) for name in names)

  groups = [always]
  for name in columns:
    if name in always:
      continue
    if groups[-1] != always and size([*groups[-1], name]) > budget:
      groups.append(always)
    groups[-1] = [*groups[-1], name]
  return groups


def whole_process(row: Embeddings) -> str:
  """Returns a line on the memory of a process with both losses."""
  try:
    facts = find_out("benchmarks.losses.jax_jobs:make_both", n=row.n, d=row.d)
  except WorkerError as error:
    return f"NT-Xent and SuNCEt in one process, {row.title}: {error}."
  peak = facts["peak_bytes"]
  return (
    f"NT-Xent and SuNCEt, forward and backward, in one process, {row.title}: "
    + ("unknown." if peak is None else f"{peak / 1e6:.0f} MB at its peak.")
  )
