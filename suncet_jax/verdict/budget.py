"""Budget of a verdict's runs: images, or minutes on this machine."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from etils import epath

from suncet_jax.console import terminal
from suncet_jax.console.words import counted
from suncet_jax.verdict.candidates import Candidate
from suncet_jax.verdict.rounds import Asked, timing

# Of the images of the whole budget: a run has one epoch at least.
_SHORT = 1e-6
_BY_IMAGES = (
  "Each run has the images that SimCLR processes in the epochs of --config."
)


class Budget(NamedTuple):
  """Whole budget of each candidate.

  Attributes:
    told: What it is, in a sentence.
    shares: Its share of SimCLR's images, by candidate; absent: 1.
    too_slow: Names of the candidates of which it is not one epoch.
  """

  told: str = _BY_IMAGES
  shares: Mapping[str, float] = {}
  too_slow: Sequence[str] = ()


class Speed(NamedTuple):
  """Speed of a short run.

  Attributes:
    share: Share of SimCLR's images that it had.
    minutes: Minutes that its steps took, without compiling.
  """

  share: float
  minutes: float


def by_minutes(
  workdir: epath.Path,
  asked: Asked,
  candidates: Sequence[Candidate],
  minutes: float,
) -> Budget:
  """Trains each candidate for an epoch, and says what fits into the minutes.

  Args:
    workdir: Folder of the verdict; what was timed before is not timed again.
    asked: What the command line asks for.
    candidates: Candidates, of which those that train are timed.
    minutes: Minutes of training that a run has in the last round.

  Raises:
    RunError: If a run fails.
  """
  trained = [c for c in candidates if c.trains]
  terminal.say(f"Timing: an epoch of {counted(len(trained), 'candidate')}")
  speeds = {
    candidate.name: Speed(run.share, _minutes(workdir / run.folder))
    for candidate, run in timing(workdir, asked, trained, _SHORT).items()
  }
  made = from_speeds(speeds, minutes)
  terminal.say(made.told)
  return made


def from_speeds(speeds: Mapping[str, Speed], minutes: float) -> Budget:
  """Returns the budget that so many minutes are, by candidate.

  Args:
    speeds: Speeds of runs of one epoch, by candidate.
    minutes: Minutes of training.
  """
  slow = [name for name, speed in speeds.items() if speed.minutes > minutes]
  shares = {
    name: speed.share * minutes / speed.minutes
    for name, speed in speeds.items()
    if name not in slow
  }
  each = "; ".join(
    f"{name} {speed.minutes:.2g} minutes an epoch, "
    + (f"{shares[name]:.2g} of the images" if name in shares else "left out")
    for name, speed in speeds.items()
  )
  told = (
    f"Each run has {minutes:g} minutes of training on this machine, compiling "
    "and evaluations not counted, by the speed of one epoch (share of the "
    f"images that SimCLR processes in the epochs of --config): {each}."
  )
  return Budget(told, shares, slow)


def _minutes(folder: epath.Path) -> float:
  """Returns the minutes of a run's steps, by all but the first, if it can."""
  rows = list(csv.DictReader(io.StringIO((folder / "metrics.csv").read_text())))
  seen = [float(row["images_seen"]) for row in rows]
  seconds = [float(row["seconds"]) for row in rows]
  if len(rows) == 1:  # with the time of compiling, then
    return seconds[0] / 60
  share = (seen[-1] - seen[0]) / seen[-1]
  return (seconds[-1] - seconds[0]) / share / 60
