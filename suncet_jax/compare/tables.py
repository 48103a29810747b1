"""Tables of a comparison, as rows of text."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from suncet_jax.compare.criterion import (
  ACCURACIES,
  COSTS,
  Curve,
  Share,
  first_finished,
  first_hit,
  mean_curve,
)
from suncet_jax.compare.folder import Measured
from suncet_jax.compare.grid import REFERENCE
from suncet_jax.plugins import metric_titles

CLAIMANT = "suncet"
NEVER = "never"
NOTHING = "-"


# Columns of `hit`.
HIT = (
  "SimCLR ends at",
  "share of epochs",
  "of images",
  "of FLOPs",
  "of images, by seed",
  "ends not below",
)


class Table(NamedTuple):
  """Rows of text; the first column names the row."""

  header: Sequence[str]
  rows: Sequence[Sequence[str]]


def claim(results: Sequence[Measured]) -> Table | None:
  """Tabulates where SuNCEt's run first reaches SimCLR's final accuracy.

  Args:
    results: Results with one number of labels.

  Returns:
    The table, or None if either has no run with the whole budget.
  """
  simclr, suncet = (
    {r.seed: r.curve for r in results if r.name == name}
    for name in (REFERENCE, CLAIMANT)
  )
  if not simclr or simclr.keys() != suncet.keys():
    return None
  rows = [
    [metric_titles()[accuracy], *hit(simclr, suncet, accuracy)]
    for accuracy in ACCURACIES
  ]
  return Table(["measure", *HIT], rows)


def hit(
  simclr: Mapping[int, Curve], other: Mapping[int, Curve], accuracy: str
) -> list[str]:
  """Returns where runs first reach SimCLR's final accuracy, as cells of `HIT`.

  Args:
    simclr: Curve of each seed of SimCLR.
    other: Those of the other method, of the same seeds.
    accuracy: Name of the accuracy, which all points have.
  """
  mean = first_hit(mean_of(simclr), mean_of(other), accuracy)
  seeds = [first_hit(simclr[s], other[s], accuracy) for s in simclr]
  kept = sum(share.holds_at_end for share in seeds)
  return [
    percent(mean.target),
    *(share_of(mean, cost) for cost in COSTS),
    ", ".join(share_of(share, "images") for share in seeds),
    f"{kept} of {len(seeds)}",
  ]


def finished_claim(results: Sequence[Measured]) -> Table | None:
  """Tabulates SuNCEt's cheapest finished run that is as good as SimCLR's end.

  Args:
    results: Results with one number of labels.

  Returns:
    The table of means over seeds, or None if either has no run.
  """
  means = mean_curves(results)
  # A name with a space is a variant; only the plain method counts.
  runs = [
    curve
    for name, curve in means.items()
    if name.partition("@")[0] == CLAIMANT and " " not in name
  ]
  if REFERENCE not in means or not runs:
    return None
  rows = []
  for accuracy in ACCURACIES:
    share = first_finished(means[REFERENCE], runs, accuracy)
    reached = NEVER if share.reached is None else percent(share.reached)
    costs = [share_of(share, cost) for cost in COSTS]
    text = metric_titles()[accuracy]
    rows.append([text, percent(share.target), reached, *costs])
  header = [
    "measure",
    "SimCLR ends at",
    "SuNCEt ends at",
    "share of epochs",
    "of images",
    "of FLOPs",
  ]
  return Table(header, rows)


def final_accuracies(results: Sequence[Measured]) -> Table:
  """Tabulates final accuracies: mean and sample standard deviation.

  Args:
    results: Results with one number of labels.
  """
  rows, shown = [], measures(results)
  for name, group in by_name(results).items():
    ends = [r.curve[-1] for r in group]
    spreads = [spread([end.get(a) for end in ends]) for a in shown]
    rows.append(
      [
        name,
        *spreads,
        f"{ends[0]['epochs']:g}",
        f"{ends[0]['images']:,}",
        f"{ends[0]['flops']:.2e}",
        str(len(group)),
      ]
    )
  costs = ("epochs", "images processed", "FLOPs", "seeds")
  return Table(["runs", *shown.values(), *costs], rows)


def every_run(results: Sequence[Measured]) -> Table:
  """Tabulates the final accuracies of each run.

  Args:
    results: Results with one number of labels.
  """
  shown = measures(results)
  rows = [
    [
      r.name,
      str(r.seed),
      *(percent(r.curve[-1].get(accuracy)) for accuracy in shown),
      f"{r.seconds / 60:.1f}",
    ]
    for r in sorted(results, key=lambda r: (r.name, r.seed))
  ]
  return Table(["run", "seed", *shown.values(), "minutes"], rows)


def measures(results: Iterable[Measured]) -> dict[str, str]:
  """Returns the titles of the top-1 accuracies that any run has, by name."""
  found = {name for r in results for point in r.curve for name in point}
  return {
    name: title
    for name, title in metric_titles().items()
    if name in found and name.endswith("_top1")
  }


def by_name(results: Iterable[Measured]) -> dict[str, list[Measured]]:
  """Groups results by method and budget, in order of names and seeds."""
  ordered = sorted(results, key=lambda r: (r.name, r.seed))
  return {
    name: list(group)
    for name, group in itertools.groupby(ordered, key=lambda r: r.name)
  }


def mean_curves(results: Iterable[Measured]) -> dict[str, Curve]:
  """Returns the mean over seeds of each method and budget."""
  return {
    name: mean_curve([r.curve for r in group])
    for name, group in by_name(results).items()
  }


def markdown(table: Table) -> str:
  """Returns a table in Markdown."""
  lines = [table.header, ["---"] * len(table.header), *table.rows]
  return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def mean_of(curves: Mapping[int, Curve]) -> Curve:
  """Returns the mean of the curves of several seeds."""
  return mean_curve(list(curves.values()))


def percent(fraction: float | None) -> str:
  """Returns an accuracy in percent; None: it was not measured."""
  return NOTHING if fraction is None else f"{100 * fraction:.1f}"


def share_of(share: Share, cost: str) -> str:
  """Returns a share of SimCLR's cost, or that it was never reached."""
  return f"{share.shares[cost]:.2f}" if share.shares else NEVER


def spread(fractions: Sequence[float | None]) -> str:
  """Returns mean and sample standard deviation of accuracies, in percent."""
  known = [value for value in fractions if value is not None]
  if len(known) < len(fractions):
    return NOTHING
  mean = percent(float(np.mean(known)))
  if len(known) < 2:
    return mean
  return f"{mean} ± {percent(float(np.std(known, ddof=1)))}"
