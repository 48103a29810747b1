"""Report of a verdict: the recommendation, what it rests on, what is open."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.compare.tables import NOTHING, Table, percent, spread
from suncet_jax.console.words import counted
from suncet_jax.files import storage
from suncet_jax.files.text import encoded
from suncet_jax.report.page import Code, Column, Paragraph, Part, Section, page
from suncet_jax.report.page import Table as Shown
from suncet_jax.verdict import choice
from suncet_jax.verdict.rounds import Result

_HEADER = (
  "candidate",
  "classifies by",
  "share of the budget",
  "validation",
  "by seed",
  "test",
  "by seed",
  "minutes",
)


class Verdict(NamedTuple):
  """All that was found.

  Attributes:
    last: Result of each candidate in the last round that it was in.
    tests: Results of the finalists on the test images.
    chosen: Name of the recommended candidate.
    measured_against: Name of the finalist that the margin is over.
    left_out: What was not tried, each a sentence.
    budget: What a run had, in a sentence.
  """

  last: Mapping[str, Result]
  tests: Mapping[str, Result]
  chosen: str
  measured_against: str
  left_out: Sequence[str]
  budget: str


def sentence(verdict: Verdict) -> str:
  """Returns the recommendation."""
  chosen = verdict.tests[verdict.chosen]
  told = (
    f"Take {verdict.chosen}: {spread([*chosen.accuracies.values()])} % of the "
    "test images are classified right"
  )
  if verdict.measured_against == verdict.chosen:
    return f"{told}; nothing else was tried to the end."
  other = verdict.tests[verdict.measured_against]
  found = choice.difference(chosen.accuracies, other.accuracies)
  each = ", ".join(f"{100 * x:+.1f}" for x in found.each)
  return (
    f"{told}, {100 * found.mean:+.1f} points to {verdict.measured_against} "
    f"({each} by seed)."
  )


def table(verdict: Verdict) -> Table:
  """Returns a row per candidate, those that came farthest first."""

  def order(name: str) -> tuple[bool, float, float]:
    result = verdict.last[name]
    mean = float(np.mean([*result.accuracies.values()]))
    return name not in verdict.tests, -result.share, -mean

  return Table(
    _HEADER, [_row(verdict, name) for name in sorted(verdict.last, key=order)]
  )


def write(workdir: epath.Path, verdict: Verdict, command: str) -> epath.Path:
  """Writes `verdict.json` and `verdict.html`; returns the path of the page.

  Args:
    workdir: Folder of the verdict.
    verdict: All that was found.
    command: Command that it was started with.
  """
  content = {
    "recommendation": sentence(verdict),
    "chosen": verdict.chosen,
    "validation": _plain(verdict.last),
    "test": _plain(verdict.tests),
    "left_out": verdict.left_out,
    "budget": verdict.budget,
    "command": command,
  }
  text = json.dumps(content, indent=1)
  storage.write(workdir / "verdict.json", f"{text}\n".encode())
  found = table(verdict)
  columns = [Column(name, n > 1) for n, name in enumerate(found.header)]
  parts: list[Part] = [
    Paragraph(sentence(verdict)),
    Section(
      "What was tried",
      [Shown(columns, found.rows), Paragraph(verdict.budget)],
    ),
    Section(
      "What was not tried", [Paragraph(each) for each in verdict.left_out]
    ),
    Section("How it was chosen", [Code((choice.__doc__ or "").strip())]),
    Section("To repeat it", [Code(command)]),
  ]
  seeds = len(verdict.tests[verdict.chosen].accuracies)
  out = workdir / "verdict.html"
  storage.write(out, encoded(page("Verdict", parts, counted(seeds, "seed"))))
  return out


def _row(verdict: Verdict, name: str) -> list[str]:
  result, test = verdict.last[name], verdict.tests.get(name)
  trains = result.candidate.trains
  return [
    f"{name} (recommended)" if name == verdict.chosen else name,
    result.candidate.evaluation,
    f"{result.share:g}" if trains else NOTHING,
    *_cells(result),
    *(_cells(test) if test else (NOTHING, NOTHING)),
    f"{result.minutes:.1f}" if trains else NOTHING,
  ]


def _cells(result: Result) -> tuple[str, str]:
  values = [*result.accuracies.values()]
  return spread(values), ", ".join(map(percent, values))


def _plain(results: Mapping[str, Result]) -> dict[str, object]:
  return {
    name: result._asdict() | {"candidate": result.candidate._asdict()}
    for name, result in results.items()
  }
