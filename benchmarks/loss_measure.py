"""Measures the columns of a row, as many at once as memory allows."""

import contextlib
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import memory
from loss_columns import Column
from loss_rows import Row
from workers import Worker, WorkerError, take_turns

# Of the memory that is free: estimates are not exact.
_SHARE = 0.9
_MOST_STEPS = 8


class Group(NamedTuple):
  """Columns that were measured in turn.

  Attributes:
    seconds: per step of each turn, by column.
    facts: of the workers, by column.
  """

  seconds: dict[str, list[float]]
  facts: dict[str, dict[str, Any]]


class Measured(NamedTuple):
  """A row.

  Attributes:
    groups: of columns; some columns are in all of them.
    notes: one-line reasons of missing columns, by name.
  """

  groups: list[Group]
  notes: dict[str, str]

  def group_of(self, *names: str) -> Group:
    """Returns the first group that has all of them, or an empty one."""
    found = (g for g in self.groups if set(names) <= set(g.seconds))
    return next(found, Group({}, {}))

  def seconds(self, name: str) -> list[float] | None:
    """Returns the column's times, or None where it was not measured."""
    return self.group_of(name).seconds.get(name)

  def facts(self, name: str) -> dict[str, Any]:
    """Returns the column's facts, none where it was not measured."""
    return self.group_of(name).facts.get(name, {})


def measure(
  row: Row,
  columns: Mapping[str, Column],
  references: Collection[str],
  repeats: int,
  steps: int | None = None,
) -> Measured:
  """Measures columns.

  Args:
    row: the embeddings.
    columns: by name.
    references: names of columns that others are compared with; they are
      measured with every group.
    repeats: turns of each.
    steps: of each turn; None: more where one is over at once.
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
    group, failures = _take_turns(row, chosen, repeats, steps)
    groups.append(group)
    notes |= failures
  return Measured(groups, notes)


def _budget() -> float:
  free = memory.available()
  return float("inf") if free is None else _SHARE * free


def _too_large(column: Column, row: Row, budget: float) -> str | None:
  """Returns why the column is left out, or None."""
  if row.n > column.most_rows:
    return f"left out, its limit is n = {column.most_rows}"
  needed = column.bytes_needed(row)
  if needed > budget:
    return f"left out, about {needed / 1e9:.1f} GB"
  return None


def _groups(
  row: Row,
  columns: Mapping[str, Column],
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


def _take_turns(
  row: Row, columns: Mapping[str, Column], repeats: int, steps: int
) -> tuple[Group, dict[str, str]]:
  """Returns what was measured and reasons of failures, by column."""
  with contextlib.ExitStack() as stack:
    workers = {
      name: stack.enter_context(
        Worker(column.maker, n=row.n, d=row.d, **column.arguments)
      )
      for name, column in columns.items()
    }
    seconds, failures = take_turns(workers, repeats, steps)
    facts = {name: workers[name].facts() for name in seconds}
    return Group(seconds, facts), failures


def whole_process(row: Row) -> str:
  """Returns a line on the memory of a process with both losses."""
  with Worker("loss_ours:make_both", n=row.n, d=row.d) as worker:
    try:
      worker.wait_until_ready()
      peak = worker.facts()["peak_bytes"]
    except WorkerError as error:
      return f"NT-Xent and SuNCEt in one process, {row.title}: {error}."
  return (
    f"NT-Xent and SuNCEt, forward and backward, in one process, {row.title}: "
    + ("unknown." if peak is None else f"{peak / 1e6:.0f} MB at its peak.")
  )
