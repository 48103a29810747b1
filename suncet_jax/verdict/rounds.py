"""Rounds of a verdict: runs of a comparison, fewer and longer each time."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from etils import epath

from suncet_jax.compare.folder import FILES, TEST, VALIDATION, prepare
from suncet_jax.compare.grid import Run, make_grid
from suncet_jax.compare.scheduler import run_jobs
from suncet_jax.console import terminal
from suncet_jax.errors import RunError
from suncet_jax.files.formats import read_json
from suncet_jax.verdict.candidates import Candidate, overrides


class Asked(NamedTuple):
  """What the command line asks for.

  Attributes:
    file: Configuration as `file.py` or `file.py:argument`.
    fields: Fields that are set besides.
    weights: Weights to start from; empty: none.
    labels: Value of the configuration's argument `labels`.
    seeds: Seeds of the runs.
    parallel: Runs side by side.
  """

  file: str
  fields: Mapping[str, Any]
  weights: str
  labels: int
  seeds: Sequence[int]
  parallel: int


class Result(NamedTuple):
  """A candidate after a round.

  Attributes:
    candidate: The candidate.
    share: Share of the budget that it had.
    accuracies: Accuracy by seed, in [0, 1].
    images: Views of images that a run has encoded.
    minutes: Minutes of training of a run, in the mean.
  """

  candidate: Candidate
  share: float
  accuracies: Mapping[int, float]
  images: float
  minutes: float


def measured(
  workdir: epath.Path,
  asked: Asked,
  candidates: Sequence[Candidate],
  share: float,
  *,
  wholes: Mapping[str, float] | None = None,
  on_test: bool = False,
) -> list[Result]:
  """Trains candidates with a share of the budget, and measures them.

  What was done before is not done again.

  Args:
    workdir: Folder of the verdict.
    asked: What the command line asks for.
    candidates: Candidates that are still in.
    share: Share of the budget; what is not pre-trained has none.
    wholes: Whole budget by candidate, as a share of the images that SimCLR
      processes in the epochs of the configuration; absent: 1.
    on_test: Whether to measure on the test images, not on the validation
      images.

  Raises:
    RunError: If a run fails.
  """
  shares = {c: share * (wholes or {}).get(c.name, 1.0) for c in candidates}
  on = (VALIDATION, TEST) if on_test else (VALIDATION,)
  runs = _runs(asked, shares, on)
  _done(workdir, asked, [run for group in runs.values() for run in group])
  images = TEST if on_test else VALIDATION
  return [
    _result(workdir, c, share, group, images) for c, group in runs.items()
  ]


def timing(
  workdir: epath.Path,
  asked: Asked,
  candidates: Sequence[Candidate],
  share: float,
) -> dict[Candidate, Run]:
  """Trains candidates on the first seed, measures nothing; returns the runs.

  Args:
    workdir: Folder of the verdict.
    asked: What the command line asks for.
    candidates: Candidates that train.
    share: Share of the images that SimCLR processes.

  Raises:
    RunError: If a run fails.
  """
  fields = {**asked.fields, "log.every_steps": 1}
  first = asked._replace(seeds=asked.seeds[:1], fields=fields)
  runs = _runs(first, dict.fromkeys(candidates, share), on=())
  found = {candidate: run for candidate, (run,) in runs.items()}
  _done(workdir, asked._replace(parallel=1), list(found.values()))
  return found


def _done(workdir: epath.Path, asked: Asked, runs: Sequence[Run]) -> None:
  """Runs what was not done before."""
  prepare(workdir, runs)
  folders = [workdir / run.folder for run in runs]
  missing = [folder for folder in folders if not (folder / "done").exists()]
  if failed := run_jobs(missing, asked.parallel, terminal.say):
    raise RunError(
      f"{len(failed)} runs failed: see {failed[0] / 'output.log'}. The same "
      "command tries them again."
    )


def _runs(
  asked: Asked, shares: Mapping[Candidate, float], on: tuple[str, ...]
) -> dict[Candidate, list[Run]]:
  """Returns the runs of each candidate, one for each seed."""
  runs: dict[Candidate, list[Run]] = {c: [] for c in shares}
  # A grid for those from the weights, one for the others.
  for starts in {c.starts for c in shares}:
    alike = {c.entry(shares[c]): c for c in shares if c.starts == starts}
    grid = make_grid(
      asked.file,
      overrides(asked.fields, asked.weights, starts=starts),
      entries=list(alike),
      labels=[asked.labels],
      seeds=asked.seeds,
      points=1,
    )
    for run in grid:
      candidate = alike[run.entry]
      runs[candidate].append(
        dataclasses.replace(
          run, on=on, trains=candidate.trains, by=(candidate.evaluation,)
        )
      )
  return runs


def _result(
  workdir: epath.Path,
  candidate: Candidate,
  share: float,
  runs: Sequence[Run],
  images: str,
) -> Result:
  accuracies, minutes, encoded = {}, 0.0, 0.0
  for run in runs:
    folder = workdir / run.folder
    (rows,) = read_json(folder / FILES[images]).values()
    accuracies[run.seed] = rows[-1][candidate.metric]
    encoded = rows[-1]["images"]
    if candidate.trains:
      seconds = read_json(folder / "result.json")["seconds"]
      minutes += seconds / 60 / len(runs)
  return Result(candidate, share, accuracies, encoded, minutes)
