"""Plan of the check: its parts in order, and how long each may take."""

from collections.abc import Sequence
from typing import NamedTuple


class Part(NamedTuple):
  """A part of the check.

  Attributes:
    name: Name of its module in `parts`.
    least: Seconds below which it is not begun.
    most: Seconds after which it is ended.
  """

  name: str
  least: float
  most: float


# What only this machine can tell comes first; the preflight, which compiles
# for as long as the step did, last.
PARTS = (
  Part("environment", 10, 40),
  Part("loss_tests", 20, 110),
  Part("step", 60, 200),
  Part("losses", 20, 70),
  Part("torch_losses", 15, 50),
  Part("digits", 30, 120),
  Part("preflight", 40, 200),
)

_PATIENCE = 5  # of a try: a CPU that others share says nothing by its time


def plan(*, is_small: bool) -> list[Part]:
  """Returns the parts in their order.

  Args:
    is_small: Whether sizes are those of a try on a CPU.
  """
  factor = _PATIENCE if is_small else 1
  return [part._replace(most=factor * part.most) for part in PARTS]


def allotted(part: Part, later: Sequence[Part], remaining: float) -> float:
  """Returns the seconds that a part may take; 0: it is left out.

  Later parts keep the least that they need, but not at the cost of this one's.

  Args:
    part: Part that is next.
    later: Parts after it.
    remaining: Seconds until the check must end.
  """
  if remaining < part.least:
    return 0.0
  kept = sum(each.least for each in later)
  return min(part.most, max(part.least, remaining - kept))
