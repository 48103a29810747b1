"""Columns of a table: jobs that are measured in turn."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple

from benchmarks.harness.workers import Worker, WorkerError

# Names of two columns that are compared.
Pair = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of the table, which times one job.

  Attributes:
    title: Title in the table.
    maker: Maker of the job; see `Worker`.
    arguments: Arguments of the maker, besides those of the row.
  """

  title: str
  maker: str
  arguments: Mapping[str, Any]


class Turns(NamedTuple):
  """Results of columns that were measured in turn.

  Attributes:
    seconds: Seconds per step of each turn, by column.
    facts: Facts of the workers, by column.
    failures: One-line reasons of the columns that failed, by column.
  """

  seconds: Mapping[str, list[float]]
  facts: Mapping[str, dict[str, Any]]
  failures: Mapping[str, str]


def measure(
  columns: Mapping[str, Column],
  rounds: int,
  steps: int,
  worker: type[Worker] = Worker,
  **row: Any,
) -> Turns:
  """Measures columns, each in a process of its own.

  Args:
    columns: Columns by name.
    rounds: Number of turns of each column.
    steps: Number of steps of each turn.
    worker: Kind of worker, which decides what is measured.
    **row: Arguments of the makers that all columns share.
  """
  with contextlib.ExitStack() as stack:
    workers = {
      name: stack.enter_context(worker(column.maker, **row, **column.arguments))
      for name, column in columns.items()
    }
    seconds, failures = _take_turns(workers, rounds, steps)
    facts = {name: workers[name].facts() for name in seconds}
  return Turns(seconds, facts, failures)


def pairs_among(pairs: Iterable[Pair], columns: Collection[str]) -> list[Pair]:
  """Returns the pairs of which both columns were measured."""
  return [pair for pair in pairs if set(pair) <= set(columns)]


def _take_turns(
  workers: dict[str, Worker], rounds: int, steps: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
  """Returns seconds per step of each turn, and reasons of failures, by name."""
  failures: dict[str, str] = {}

  def attempt(name: str, work: Callable[[], Any]) -> Any:
    if name in failures:
      return None
    try:
      return work()
    except WorkerError as error:
      failures[name] = str(error)

  for name, worker in workers.items():
    attempt(name, worker.wait_until_ready)
  seconds: dict[str, list[float]] = {name: [] for name in workers}
  # The first turn after all columns are ready only warms the caches.
  for turn in range(rounds + 1):
    for name, worker in workers.items():
      taken = attempt(name, functools.partial(worker.seconds, steps))
      if turn and taken is not None:
        seconds[name].append(taken / steps)
  return {n: seconds[n] for n in workers if n not in failures}, failures
