"""The criterion of the claim: which share of SimCLR's budget SuNCEt needs.

Fixed before the runs that docs/results.md publishes (see the history of this
file): nothing here may be chosen by looking at a result.

- The target of a seed is the accuracy of SimCLR, on the test images, at the end
  of its budget.
- SuNCEt's first hit is the first measured checkpoint of its run of that seed
  whose accuracy is at least the target. Nothing is interpolated or smoothed. A
  later fall below the target does not undo a hit; whether the end of the run
  is still as good is told beside it (`holds_at_end`).
- The share is the cost of that checkpoint by the cost of SimCLR's whole run, in
  epochs, in images processed and in estimated floating-point operations.
- Checkpoints before the end were taken at a learning rate that was still high.
  So a second figure asks only the ends of runs: the smallest cost of a FINISHED
  run of SuNCEt, among its budgets, whose accuracy is at least the target.
- Means: the same of the accuracies' mean over seeds, checkpoint by checkpoint.

Added later, and before the runs that compare all methods:

- Every method is judged as SuNCEt is: `first_hit` of its run, of each seed and
  of the means, in each of `ACCURACIES` and in the accuracy of its predictor.
- A method's predictor is the evaluation by which it classifies, which it
  declares (`MethodSpec.predictor`): its own classifier if it has one. By it
  methods are ranked, at the end of their runs, and the target is SimCLR's end
  by SimCLR's predictor. Differences to labels alone are taken within a seed.
- Costs are what training encodes with a gradient. Passes without one, such as a
  teacher's, are not counted, neither as images nor as operations.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

COSTS = ("epochs", "images", "flops")
ACCURACIES = ("knn_top1", "linear_top1", "finetune_top1")

Point = Mapping[str, float]
Curve = Sequence[Point]  # checkpoints in order; the last is the end of the run


class Share(NamedTuple):
  """Where SuNCEt first reaches SimCLR's final accuracy.

  Attributes:
    target: The accuracy to reach, in [0, 1].
    reached: That of the first hit; None if there is none.
    shares: From each of `COSTS` to the share of SimCLR's; empty if none.
    holds_at_end: Whether the end of that run is not below the target.
  """

  target: float
  reached: float | None
  shares: dict[str, float]
  holds_at_end: bool


def first_hit(simclr: Curve, suncet: Curve, accuracy: str) -> Share:
  """Finds the first checkpoint of SuNCEt that is as good as SimCLR's end.

  Args:
    simclr: Checkpoints of the run with the whole budget.
    suncet: Checkpoints of SuNCEt's.
    accuracy: One of `ACCURACIES`.
  """
  end = simclr[-1]
  target = end[accuracy]
  holds = suncet[-1][accuracy] >= target
  for point in suncet:
    if point[accuracy] >= target:
      shares = {cost: point[cost] / end[cost] for cost in COSTS}
      return Share(target, point[accuracy], shares, holds)
  return Share(target, None, {}, holds)


def first_finished(
  simclr: Curve, runs: Sequence[Curve], accuracy: str
) -> Share:
  """Finds the cheapest finished run of SuNCEt that is as good as SimCLR's.

  Args:
    simclr: Checkpoints of the run with the whole budget.
    runs: Those of SuNCEt's runs, one per budget.
    accuracy: One of `ACCURACIES`.
  """
  ends = sorted((run[-1] for run in runs), key=lambda end: end["images"])
  return first_hit(simclr, ends, accuracy)


def mean_curve(curves: Sequence[Curve]) -> list[dict[str, float]]:
  """Averages runs of several seeds, checkpoint by checkpoint.

  What some of the runs were not measured by is left out.
  """
  return [
    {
      name: float(np.mean([p[name] for p in points]))
      for name in points[0]
      if all(name in p for p in points)
    }
    for points in zip(*curves, strict=True)
  ]
