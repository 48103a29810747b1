"""Tries the planner of labels where all labels are known.

    python -m benchmarks.labels RUN ... [--counts=2,5,10] [--by=logistic]
        [--images=6000]

RUN is a folder of a run of which all training images have labels; the encoder
is its own. With --images only so many of them, drawn at random, are there for
both questions:

- Choice: accuracy on the test images with COUNT times as many labels as there
  are classes, chosen by `labels choose` from all training images, against as
  many drawn at random (the mean of ten draws).
- Foresight: the power law through the numbers of labels up to half of those
  that are there says how many reach 90 % of the accuracy with all of them; the
  truth is read off the whole measured curve.
"""

import pathlib
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.harness import command, machine
from suncet_jax.encoder import load_encoder
from suncet_jax.labels import curve, given, power_law
from suncet_jax.labels.curve import CLASSIFIERS, Features
from suncet_jax.labels.selection import SELECTIONS, at_random

_RANDOM_DRAWS = 10
_CURVE_DRAWS = 8
_SHARE = 0.9  # of the accuracy with all labels
_CHOICE = ("run", "labels per class", "random", "typical", "spread")
_FORESIGHT = ("run", "needed", "foretold", "5 % to 95 %", "foretold / needed")


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  parser = command.parser(__doc__)
  parser.add_argument("runs", nargs="+", type=pathlib.Path)
  parser.add_argument("--counts", type=_counts, default="2,5,10")
  parser.add_argument("--by", choices=tuple(CLASSIFIERS), default="logistic")
  parser.add_argument("--images", type=int, default=0, help="0: all")
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args(arguments)
  choices: list[list[str]] = []
  foresight: list[list[str]] = []
  for run in options.runs:
    found = given.of_run(load_encoder(run), run)
    if options.images:
      found = _some(found, options.images, options.seed)
    for count in options.counts:
      accuracies = dict(_choice(found, count, options.by, options.seed))
      cells = [f"{100 * accuracies[name]:.1f}" for name in _CHOICE[2:]]
      choices.append([run.name, str(count), *cells])
    foresight.append([run.name, *_foresight(found, options.by, options.seed)])
  head = machine.header(
    has_torch=False, has_convolution=False, packages=("jax", "scikit-learn")
  )
  parts = [head, command.table(_CHOICE, choices)]
  command.publish([*parts, command.table(_FORESIGHT, foresight)], options.out)


def _some(found: given.Given, count: int, seed: int) -> given.Given:
  """Returns so many of the training images, and all test images."""
  values, labels = found.train
  draw = np.random.default_rng(seed)
  rows = draw.choice(len(labels), min(count, len(labels)), replace=False)
  return found._replace(train=Features(values[rows], labels[rows]))


def _choice(
  found: given.Given, per_class: int, by: str, seed: int
) -> Iterator[tuple[str, float]]:
  """Yields the accuracy with labels chosen in each way."""
  classes = len(found.classes)
  count = per_class * classes
  none = np.zeros(len(found.train.labels), bool)

  def accuracy(rows: np.ndarray) -> float:
    chosen = Features(found.train.values[rows], found.train.labels[rows])
    return curve.accuracy(chosen, found.test, class_count=classes, by=by)

  for name, select in SELECTIONS.items():
    draws = _RANDOM_DRAWS if select is at_random else 1
    tries = range(seed, seed + draws)
    rows = [select(found.train.values, none, count, each) for each in tries]
    yield name, float(np.mean([accuracy(each) for each in rows]))


def _foresight(found: given.Given, by: str, seed: int) -> list[str]:
  """Returns the cells of a line: what is needed, what was foretold."""
  classes = len(found.classes)
  sizes = np.bincount(found.train.labels, minlength=classes)
  counts = curve.counts_up_to(int(sizes.min()))
  draws = curve.measure(
    found.train,
    found.test,
    class_count=classes,
    counts=counts,
    draws=_CURVE_DRAWS,
    by=by,
    seed=seed,
  )
  accuracies = np.stack(list(draws))
  means = accuracies.mean(axis=0)
  target = _SHARE * means[-1]
  # Between two measured numbers on a logarithmic axis.
  needed = float(2 ** np.interp(target, means, np.log2(counts)))
  half = [n for n in counts if n <= counts[-1] / 2]
  fit = power_law.fit(half, accuracies[:, : len(half)], seed)
  told = fit.needed(target)
  return [
    f"{needed:.1f}",
    f"{told.value:.1f}",
    f"{told.low:.1f} to {told.high:.1f}",
    f"{told.value / needed:.2f}",
  ]


def _counts(text: str) -> list[int]:
  return [int(part) for part in text.split(",")]


if __name__ == "__main__":
  main(sys.argv[1:])
