"""Measures every candidate of a verdict on the test images.

    python -m benchmarks.verdict FOLDER

FOLDER is that of a finished `python -m suncet_jax.verdict`. What it stopped
early is trained with the whole budget, in the same folder, and all candidates
are measured on the test images: more than anybody needs who only wants to know
which to take. It goes on where it stopped.

The recommendation wins if no other is ahead of it by more than one standard
error of the differences within a seed, which is the rule by which it was chosen
on validation images.
"""

import pathlib
import shlex
import sys
from collections.abc import Sequence

import numpy as np
from absl import flags
from etils import epath

from benchmarks.harness import command, machine
from suncet_jax import command_line
from suncet_jax.files.formats import read_json
from suncet_jax.verdict import __main__ as verdict
from suncet_jax.verdict import budget, candidates, choice, rounds

_HEADER = ("candidate", "test", "by seed", "ahead of the recommendation")


def main(arguments: Sequence[str]) -> None:
  """Runs what is missing, and prints."""
  parser = command.parser(__doc__)
  parser.add_argument("folder", type=pathlib.Path)
  options = parser.parse_args(arguments)
  found = read_json(options.folder / "verdict.json")
  asked = _asked(found["command"])
  with command_line.clear_errors():
    results = _measured(epath.Path(options.folder), asked)
  head = machine.header(
    has_torch=False, has_convolution=False, packages=("jax",)
  )
  told = f"Recommended: {found['chosen']}."
  table = command.table(_HEADER, rows(results, found["chosen"]))
  command.publish([head, told, table], options.out)


def rows(results: Sequence[rounds.Result], chosen: str) -> list[list[str]]:
  """Returns a line for each candidate, the best first.

  Args:
    results: Results on the test images.
    chosen: Name of the recommended candidate.
  """
  found = {r.candidate.name: r.accuracies for r in results}
  made = []
  for name in choice.ranked(found):
    ahead = choice.difference(found[name], found[chosen])
    values = [100 * x for x in found[name].values()]
    told = f"{100 * ahead.mean:+.1f}, standard error {100 * ahead.error:.1f}"
    each = ", ".join(f"{x:.1f}" for x in values)
    made.append(
      [name, f"{np.mean(values):.1f}", each, "" if name == chosen else told]
    )
  return made


def _measured(folder: epath.Path, asked: rounds.Asked) -> list[rounds.Result]:
  """Returns all candidates on the test images, with the whole budget."""
  given = flags.FLAGS
  every = candidates.candidates(given.tried, bool(asked.weights))
  whole = budget.Budget()
  if given.minutes:
    whole = budget.by_minutes(folder, asked, every, given.minutes)
  able = [c for c in every if c.name not in whole.too_slow]
  return rounds.measured(
    folder, asked, able, 1.0, wholes=whole.shares, on_test=True
  )


def _asked(text: str) -> rounds.Asked:
  """Returns what the command of a verdict asked for; sets its flags."""
  _, _, words = text.partition("verdict ")  # behind the program
  arguments, sys.argv = sys.argv, ["verdict", *shlex.split(words)]
  try:  # which fields are set is read from there, whatever is parsed
    command_line.parse_flags(sys.argv)
  finally:
    sys.argv = arguments
  return verdict.asked()


if __name__ == "__main__":
  main(sys.argv[1:])
