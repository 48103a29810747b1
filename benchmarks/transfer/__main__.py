"""Puts two comparisons side by side: from nothing, and from weights.

    python -m benchmarks.transfer NOTHING WEIGHTS [WEIGHTS ...]

All are folders of `python -m suncet_jax.compare`, with the same methods; each
seed of NOTHING is in one of WEIGHTS, which are several where seeds start from
different weights. Accuracies are those of the last checkpoints, differences
within a seed.
"""

import pathlib
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.harness import command, machine
from suncet_jax.files.formats import read_json

_FOLDER = re.compile(r"(.+)-seed(\d+)")
_HEADER = ("run", "by", "from nothing", "from weights", "gain", "by seed")

# Last measures by name of the run and seed.
Ends = Mapping[tuple[str, int], Mapping[str, Any]]


def main(arguments: Sequence[str]) -> None:
  """Reads and prints."""
  parser = command.parser(__doc__)
  parser.add_argument("nothing", type=pathlib.Path)
  parser.add_argument("weights", nargs="+", type=pathlib.Path)
  options = parser.parse_args(arguments)
  nothing, weights = _ends([options.nothing]), _ends(options.weights)
  if nothing.keys() != weights.keys():
    odd = sorted(nothing.keys() ^ weights.keys())
    parser.error(f"not on both sides: {odd}; expected the same runs")
  head = machine.header(
    has_torch=False, has_convolution=False, packages=("jax",)
  )
  table = command.table(_HEADER, rows(nothing, weights))
  command.publish([head, table], options.out)


def rows(nothing: Ends, weights: Ends) -> list[list[str]]:
  """Returns a line for each run and measure.

  Args:
    nothing: Ends of the runs from nothing.
    weights: Ends of the same runs from weights.
  """
  made = []
  for name in dict.fromkeys(name for name, _ in nothing):
    seeds = sorted(seed for other, seed in nothing if other == name)
    for measure in nothing[name, seeds[0]]:
      if not measure.endswith("_top1"):
        continue
      before, after = (
        np.array([100 * ends[name, seed][measure] for seed in seeds])
        for ends in (nothing, weights)
      )
      gains = after - before
      each = ", ".join(f"{gain:+.1f}" for gain in gains)
      cells = f"{before.mean():.1f}", f"{after.mean():.1f}"
      by = measure.removesuffix("_top1")
      made.append([name, by, *cells, f"{gains.mean():+.1f}", each])
  return made


def _ends(folders: Sequence[pathlib.Path]) -> Ends:
  """Returns the last measures of every run of some comparisons."""
  found = {}
  for path in (p for f in folders for p in sorted(f.glob("*/measures.json"))):
    match = _FOLDER.fullmatch(path.parent.name)
    if match:
      (curve,) = read_json(path).values()
      found[match[1], int(match[2])] = curve[-1]
  return found


if __name__ == "__main__":
  main(sys.argv[1:])
