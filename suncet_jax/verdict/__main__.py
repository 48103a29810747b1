"""Finds out which way to use labels suits images, and from which start.

    python -m suncet_jax.verdict --workdir=runs/verdict \
        --config=configs/folder.py:train=data/train,test=data/test \
        --weights=resnet18.pth

Candidates are frozen features with a linear probe, fine-tuning on the labels
(plain, from the probe, by low-rank adapters), and methods of pre-training, from
the weights and from nothing. They are trained by halves: each round doubles the
budget, and keeps the better half on the validation images. The budget is that
of SimCLR in the epochs of --config, or --minutes. The same command goes on
where it stopped.
"""

import functools
from collections.abc import Mapping, Sequence

from absl import app, flags
from etils import epath
from ml_collections import config_flags

from suncet_jax import command_line, plugins
from suncet_jax.compare import flags as shared
from suncet_jax.compare.tables import markdown
from suncet_jax.console import program, terminal
from suncet_jax.errors import UserError
from suncet_jax.verdict import choice, report
from suncet_jax.verdict.budget import Budget, by_minutes
from suncet_jax.verdict.candidates import BASELINE, Candidate, candidates
from suncet_jax.verdict.rounds import Asked, Result, measured

_STOPPED = "what was trained is saved, the same command goes on."

_CONFIG = command_line.define_config_flag()
flags.declare_key_flag("config")  # --help shows it
flags.declare_key_flag("workdir")
_WEIGHTS = flags.DEFINE_string(
  "weights", "", "Weights to start from, as config.init.weights takes them."
)
_TRIED = flags.DEFINE_list(
  "tried",
  ["supervised", "suncet", "paws", "fixmatch", "comatch"],
  "Methods of pre-training to try.",
)
_ROUNDS = flags.DEFINE_integer(
  "rounds", 3, "Rounds; the last has the whole budget.", lower_bound=1
)
_MINUTES = flags.DEFINE_float(
  "minutes",
  0.0,
  "Minutes of training that a run has in the last round, instead of SimCLR's "
  "images: each candidate is timed for an epoch.",
  lower_bound=0.0,
)
for _flag in (shared.LABELS, shared.SEEDS, shared.PARALLEL):
  flags.declare_key_flag(_flag.name)


def main(argv: list[str]) -> int:
  """Runs the rounds and writes the report; returns the exit code."""
  workdir = command_line.checked_workdir(argv)
  if "://" in workdir:
    command_line.fail(
      f"--workdir is {workdir}, expected a folder of this machine: the runs "
      "are processes here, with their output in files."
    )
  config = command_line.loaded_config(_CONFIG)
  with command_line.clear_errors(_STOPPED):
    if not (config.data.validation.per_class or config.data.validation.file):
      raise UserError(
        "data.validation.per_class is 0: a verdict is found on validation "
        "images. Set --config.data.validation.per_class=5, or more."
      )
    verdict = _found(epath.Path(workdir), asked())
    found = report.table(verdict)
    terminal.show(
      f"\n{markdown(found)}\n", lambda: terminal.table(*found, title="Verdict")
    )
    terminal.say(report.sentence(verdict))
    page = report.write(epath.Path(workdir), verdict, program.as_typed())
    terminal.say(f"Report: {page}")
  return 0


def asked() -> Asked:
  """Returns what the flags ask for."""
  flag = flags.FLAGS["config"]
  labels = shared.numbers("labels", shared.LABELS.value or ["0"])
  if len(labels) > 1:
    raise UserError(f"--labels is {labels}, expected one number of labels.")
  return Asked(
    config_flags.get_config_filename(flag),
    config_flags.get_override_values(flag),
    _WEIGHTS.value,
    labels[0],
    shared.numbers("seeds", shared.SEEDS.value),
    shared.PARALLEL.value,
  )


def _found(workdir: epath.Path, wanted: Asked) -> report.Verdict:
  """Runs the rounds, then the finalists on the test images."""
  alive, budget = candidates(_TRIED.value, bool(wanted.weights)), Budget()
  if _MINUTES.value:
    budget = by_minutes(workdir, wanted, alive, _MINUTES.value)
    alive = [c for c in alive if c.name not in budget.too_slow]
  measure = functools.partial(measured, workdir, wanted, wholes=budget.shares)
  last: dict[str, Result] = {}
  for number in range(_ROUNDS.value):
    share = 2.0 ** (number + 1 - _ROUNDS.value)
    terminal.say(
      f"Round {number + 1} of {_ROUNDS.value}: {len(alive)} candidates, "
      f"{share:g} of the budget"
    )
    last |= _by_name(measure(alive, share))
    if number + 1 < _ROUNDS.value:
      alive = _kept(alive, last)
  in_end = {c.name: last[c.name] for c in alive}
  found = {name: result.accuracies for name, result in in_end.items()}
  costs = {name: result.images for name, result in in_end.items()}
  chosen = choice.recommended(found, costs)
  against = _measured_against(chosen, found)
  finalists = [c for c in alive if c.name in (chosen, against)]
  tests = _by_name(measure(finalists, 1.0, on_test=True))
  left_out = _left_out(wanted, last, budget)
  return report.Verdict(last, tests, chosen, against, left_out, budget.told)


def _kept(
  alive: Sequence[Candidate], last: Mapping[str, Result]
) -> list[Candidate]:
  """Returns what goes on: the better half of those that are trained."""
  trained = {c.name: last[c.name].accuracies for c in alive if c.trains}
  better = choice.better_half(trained)
  return [c for c in alive if not c.trains or c.name in better]


def _measured_against(
  chosen: str, found: Mapping[str, choice.Accuracies]
) -> str:
  """Returns what the margin is over: frozen features, or else the next best."""
  if BASELINE in found and chosen != BASELINE:
    return BASELINE
  others = [name for name in choice.ranked(found) if name != chosen]
  return others[0] if others else chosen


def _by_name(results: Sequence[Result]) -> dict[str, Result]:
  return {result.candidate.name: result for result in results}


def _left_out(
  wanted: Asked, last: Mapping[str, Result], budget: Budget
) -> list[str]:
  """Returns what was not tried, each a sentence."""
  others = set(plugins.method_names()) - set(_TRIED.value)
  told = [f"Methods: {', '.join(sorted(others))}."] if others else []
  if not wanted.weights:
    told.append("Weights of others, by --weights.")
  if budget.too_slow:
    told.append(f"Too slow for the minutes: {', '.join(budget.too_slow)}.")
  stopped = [f"{n} ({r.share:g})" for n, r in last.items() if r.share < 1]
  if stopped:
    told.append(
      f"The whole budget, of what was stopped before: {', '.join(stopped)}."
    )
  return [*told, "Other settings than those of the recipes."]


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
