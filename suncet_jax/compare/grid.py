"""The runs of a comparison: entries at equal budgets, labels and seeds."""

import bisect
import dataclasses
import itertools
import re
import runpy
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from suncet_jax.compare.entries import Entry, parse_variant
from suncet_jax.config import validate
from suncet_jax.config.validation import METHODS_WITHOUT_LABELS

REFERENCE = "simclr"
# Fields that differ from run to run or that a comparison decides, and by what.
_DECIDED = {
  "seed": "--seeds",
  "method.name": "--methods",
  "data.labelled.per_class": "--labels",
  "data.labelled.fraction": "--labels",
  "data.labelled.file": "--labels",
  "checkpoint.every_epochs": "--points",
  "checkpoint.keep_every_epochs": "--points",
  "evals.final": "the comparison",
  "log.report": "the comparison",
}
_BUDGET = {"train.epochs": "the budget, of which METHOD@SHARE has a share"}


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of the grid, and what is measured of it.

  Attributes:
    entry: Method and budget.
    seed: Of the run.
    config: To train with.
    measured: From the `labels` argument to the configuration that names the
      labelled images and the settings of the evaluations.
    share: Of the budget, as it is with whole epochs.
  """

  entry: Entry
  seed: int
  config: ConfigDict
  measured: Mapping[str, ConfigDict]
  share: float

  @property
  def folder(self) -> str:
    """Name of the folder."""
    is_shared = self.entry.method in METHODS_WITHOUT_LABELS
    labels = "" if is_shared else f"-labels{next(iter(self.measured))}"
    name = re.sub(r"[^\w.@=,()+-]+", "-", self.entry.name)
    return f"{name}{labels}-seed{self.seed}"

  def as_dict(self) -> dict[str, Any]:
    """Returns what the process of the run reads, as JSON values."""
    return {
      **{name: value for name, value in self.entry._asdict().items() if value},
      "seed": self.seed,
      "config": self.config.to_dict(),
      "measured": {k: v.to_dict() for k, v in self.measured.items()},
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
  epochs of the configuration; a share of it is rounded to whole epochs.

  Args:
    path: Of the configuration, `file.py` or `file.py:epochs=8`; its argument
      must take `method`, `labels`, `seed` and `epochs`, so that what a recipe
      derives from them (such as a warm-up) fits each run.
    overrides: Fields to set in all configurations, by dotted name.
    entries: Methods and their budgets.
    labels: Values of the `labels` argument.
    seeds: One run each.
    points: How many checkpoints of each run are measured, about.

  Raises:
    ConfigError: If a configuration has faults.
    ValueError: If the file does not take such an argument, or overrides and
      variants set what a comparison decides.
  """
  _refuse("--config", overrides, _DECIDED)
  file = _ConfigFile(path, overrides)
  budget = images(file.load(Entry(REFERENCE), labels[0], seeds[0]))
  epochs = {
    (entry, number): _epochs(file, entry, number, entry.share * budget)
    for entry, number in itertools.product(entries, labels)
  }
  runs = []
  for seed, entry in itertools.product(seeds, entries):
    configs = {}
    for number in labels:
      config = file.load(entry, number, seed, epochs[entry, number])
      _keep(config, points)
      validate(config, check_files=True)
      configs[str(number)] = config
    groups = [configs]
    # One pre-training that sees no label serves every number of labels.
    if entry.method not in METHODS_WITHOUT_LABELS:
      groups = [{text: config} for text, config in configs.items()]
    for group in groups:
      config = next(iter(group.values()))
      runs.append(Run(entry, seed, config, group, images(config) / budget))
  return runs


def images(config: ConfigDict) -> float:
  """Returns how many views a run encodes, in units of its unlabelled pool.

  Args:
    config: With `data.labelled.classes_per_batch` above 0.
  """
  data, method = config.data, config.method
  labelled = data.labelled
  of_labelled = (
    labelled.classes_per_batch
    * labelled.images_per_class
    * labelled.views
    / data.batch_size
  )
  of_unlabelled = 2.0 + config.multicrop.views
  epochs = config.train.epochs
  if method.name == "simclr":
    return epochs * of_unlabelled
  if method.name == "supervised":
    return epochs * of_labelled
  switch = method.supervised_epochs
  with_labels = epochs if switch < 0 else min(switch, epochs)
  return epochs * of_unlabelled + with_labels * of_labelled


class _ConfigFile:
  """A configuration's file, with what the command line sets in it."""

  def __init__(self, path: str, overrides: Mapping[str, Any]) -> None:
    self._file, _, self._argument = path.partition(":")
    self._overrides = overrides
    names = runpy.run_path(self._file)
    if "get_config" not in names:
      raise ValueError(f"--config {self._file} has no function get_config.")
    self._get_config = names["get_config"]
    self._default_classes = 0

  def load(
    self, entry: Entry, labels: int, seed: int, epochs: int = 0
  ) -> ConfigDict:
    """Returns the configuration of a run; 0 epochs: those of the file."""
    variant, fields = f"--variant={entry.variant}", parse_variant(entry.variant)
    _refuse(variant, fields, _DECIDED | _BUDGET)
    config = self._get_config(self._extended(entry, labels, seed, epochs))
    _set(config, "--config", self._overrides)
    _set(config, variant, fields)
    if epochs:
      config.train.epochs = epochs
    else:
      validate(config, check_files=True)
    batch = config.data.labelled
    if not batch.classes_per_batch:
      self._default_classes = self._default_classes or _default_classes(config)
      batch.classes_per_batch = self._default_classes
    return config

  def _extended(self, entry: Entry, labels: int, seed: int, epochs: int) -> str:
    """Returns the argument of the file with the values of one run."""
    items = list(filter(None, self._argument.split(",")))
    items += [f"method={entry.method}", f"labels={labels}", f"seed={seed}"]
    if epochs:
      items = [i for i in items if i.partition("=")[0].strip() != "epochs"]
      items.append(f"epochs={epochs}")
    return ",".join(items)


def _default_classes(config: ConfigDict) -> int:
  # These load JAX: most configurations name the number.
  from suncet_jax.data.order import default_classes_per_batch
  from suncet_jax.data.sources import load

  return default_classes_per_batch(len(load(config).class_names))


def _epochs(file: _ConfigFile, entry: Entry, labels: int, wanted: float) -> int:
  """Returns the whole epochs in which a run comes nearest to its images."""
  file.load(entry, labels, 0)  # faults show before anything is counted

  def images_in(epochs: int) -> float:
    return images(file.load(entry, labels, 0, epochs))

  enough = 1
  while images_in(enough) < wanted:
    enough *= 2
  above = bisect.bisect_left(range(enough), wanted, lo=1, key=images_in)
  if above == 1:
    return 1
  is_below_nearer = wanted - images_in(above - 1) <= images_in(above) - wanted
  return above - 1 if is_below_nearer else above


def _keep(config: ConfigDict, points: int) -> None:
  """Sets what a comparison keeps of a run."""
  every = max(1, round(config.train.epochs / points))
  config.checkpoint.keep_every_epochs = every
  config.checkpoint.every_epochs = float(every)
  config.evals.final = ()  # measured from the checkpoints
  config.log.report = False


def _refuse(
  whose: str, fields: Mapping[str, Any], decided: Mapping[str, str]
) -> None:
  """Raises if a field is set that a comparison decides."""
  faults = [
    f"{name} is decided by {decided[name]}"
    for name in fields
    if name in decided
  ]
  if faults:
    raise ValueError(f"{whose}: {'; '.join(faults)}. Leave it out.")


def _set(config: ConfigDict, whose: str, fields: Mapping[str, Any]) -> None:
  """Sets fields by dotted name."""
  config.lock()  # a field that is not there is an error
  try:
    config.update_from_flattened_dict(dict(fields))
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{whose}: {error.args[0]}") from error
