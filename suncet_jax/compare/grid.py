"""Grid of a comparison: a run per entry, number of labels and seed."""

import dataclasses
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from suncet_jax.compare.entries import Entry
from suncet_jax.compare.recipe import Recipe, images
from suncet_jax.config import validate
from suncet_jax.plugins import uses_labels

REFERENCE = "simclr"


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of the grid and its evaluations.

  Attributes:
    entry: Entry with method and budget.
    seed: Seed of the run.
    config: Configuration to train with.
    measured: Configurations by `labels` argument that name the labelled images
      and the settings of the evaluations.
    share: Share of the budget after rounding to whole epochs.
    on: Images that it is measured on, of "test" and "validation".
    trains: Whether it is trained at all, or measured as it begins.
    by: Evaluations that measure it; empty: all that suit it.
  """

  entry: Entry
  seed: int
  config: ConfigDict
  measured: Mapping[str, ConfigDict]
  share: float
  on: tuple[str, ...] = ("test",)
  trains: bool = True
  by: tuple[str, ...] = ()

  @property
  def folder(self) -> str:
    """Name of the folder."""
    is_shared = not uses_labels(self.config)
    labels = "" if is_shared else f"-labels{next(iter(self.measured))}"
    name = re.sub(r"[^\w.@=,()+-]+", "-", self.entry.name)
    return f"{name}{labels}-seed{self.seed}"

  def as_dict(self) -> dict[str, Any]:
    """Returns the content of job.json."""
    return {
      "config": self.config.to_dict(),
      "measured": {k: v.to_dict() for k, v in self.measured.items()},
      "on": self.on,
      "trains": self.trains,
      "by": self.by,
    }


def make_grid(
  path: str,
  overrides: Mapping[str, Any],
  *,
  entries: Sequence[Entry],
  labels: Sequence[int],
  seeds: Sequence[int],
  points: int,
) -> list[Run]:
  """Returns the runs of a comparison, seed by seed.

  A budget is the number of images that the reference (SimCLR) processes in the
  epochs of the configuration; a share of it is rounded to whole epochs. A
  method that encodes more views of an image has fewer epochs. Passes without a
  gradient, such as a teacher's, are not counted. What has no share is not
  trained: random numbers, or the weights of `init.weights`.

  Args:
    path: Path of the configuration, `file.py` or `file.py:epochs=8`; its
      argument must take `method`, `labels`, `seed` and `epochs`, so that values
      derived from them (such as a warm-up) fit each run.
    overrides: Fields to set in all configurations, by dotted name.
    entries: Entries with methods and budgets.
    labels: Values of the `labels` argument.
    seeds: Seeds; one run each.
    points: Largest number of checkpoints to measure in each run.

  Raises:
    ConfigError: If a configuration has faults.
    ValueError: If the file does not take such an argument, or overrides and
      variants set fields that a comparison decides.
  """
  recipe = Recipe(path, overrides)
  budget = images(recipe.load(Entry(REFERENCE), labels[0], seeds[0]))
  epochs = {
    (entry, number): recipe.epochs(entry, number, entry.share * budget)
    for entry, number in itertools.product(entries, labels)
  }
  runs = []
  for seed, entry in itertools.product(seeds, entries):
    configs = {}
    for number in labels:
      config = recipe.load(entry, number, seed, epochs[entry, number])
      _keep(config, points)
      validate(config, check_files=True)
      configs[str(number)] = config
    groups = [configs]
    # A pre-training without labels serves every number of labels.
    if any(map(uses_labels, configs.values())):
      groups = [{text: config} for text, config in configs.items()]
    for group in groups:
      config = next(iter(group.values()))
      share = images(config) / budget if entry.share else 0.0
      runs.append(Run(entry, seed, config, group, share, trains=share > 0))
  return runs


def _keep(config: ConfigDict, points: int) -> None:
  """Sets the checkpoints to keep; switches off what a comparison replaces."""
  every = math.ceil(config.train.epochs / points)
  config.checkpoint.keep_every_epochs = every
  config.checkpoint.every_epochs = float(every)
  config.evals.final = ()  # measured from the checkpoints
  config.log.report = False
