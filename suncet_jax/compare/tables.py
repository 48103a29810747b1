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
MEASURES = {name: metric_titles()[name] for name in ACCURACIES}


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
  rows = []
  for accuracy, text in MEASURES.items():
    mean = first_hit(_mean(simclr), _mean(suncet), accuracy)
    seeds = [first_hit(simclr[s], suncet[s], accuracy) for s in simclr]
    kept = sum(share.holds_at_end for share in seeds)
    rows.append(
      [
        text,
        _percent(mean.target),
        *(_share(mean, cost) for cost in COSTS),
        ", ".join(_share(share, "images") for share in seeds),
        f"{kept} of {len(seeds)}",
      ]
    )
  header = [
    "measure",
    "SimCLR ends at",
    "share of epochs",
    "of images",
    "of FLOPs",
    "of images, by seed",
    "ends not below",
  ]
  return Table(header, rows)


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
  for accuracy, text in MEASURES.items():
    share = first_finished(means[REFERENCE], runs, accuracy)
    reached = NEVER if share.reached is None else _percent(share.reached)
    costs = [_share(share, cost) for cost in COSTS]
    rows.append([text, _percent(share.target), reached, *costs])
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
  rows = []
  for name, group in by_name(results).items():
    ends = [r.curve[-1] for r in group]
    spread = [_spread([end[a] for end in ends]) for a in ACCURACIES]
    rows.append(
      [
        name,
        f"{ends[0]['epochs']:g}",
        f"{ends[0]['images']:,}",
        f"{ends[0]['flops']:.2e}",
        str(len(group)),
        *spread,
      ]
    )
  header = ["runs", "epochs", "images processed", "FLOPs", "seeds"]
  return Table([*header, *MEASURES.values()], rows)


def every_run(results: Sequence[Measured]) -> Table:
  """Tabulates the final accuracies of each run.

  Args:
    results: Results with one number of labels.
  """
  rows = [
    [
      r.name,
      str(r.seed),
      *(_percent(r.curve[-1][accuracy]) for accuracy in ACCURACIES),
      f"{r.seconds / 60:.1f}",
    ]
    for r in sorted(results, key=lambda r: (r.name, r.seed))
  ]
  return Table(["run", "seed", *MEASURES.values(), "minutes"], rows)


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


def _mean(curves: Mapping[int, Curve]) -> Curve:
  return mean_curve(list(curves.values()))


def _percent(fraction: float) -> str:
  return f"{100 * fraction:.1f}"


def _share(share: Share, cost: str) -> str:
  return f"{share.shares[cost]:.2f}" if share.shares else NEVER


def _spread(fractions: Sequence[float]) -> str:
  mean = _percent(float(np.mean(fractions)))
  if len(fractions) < 2:
    return mean
  return f"{mean} ± {_percent(float(np.std(fractions, ddof=1)))}"
