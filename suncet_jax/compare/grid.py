"""The runs of a comparison: methods, budgets, labels and seeds."""

import ast
import dataclasses
import itertools
import math
import runpy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from suncet_jax.config import validate
from suncet_jax.config.validation import (
  METHOD_NAMES,
  METHODS_WITHOUT_LABELS,
)

REFERENCE = "simclr"


class Entry(NamedTuple):
  """A method, the share of the budget that its runs have, and a variant of it.

  Attributes:
    method: One of `METHOD_NAMES`.
    share: Of the images that the reference processes; 1: as many.
    variant: Fields of the configuration that it changes, such as
      "method.temperature=0.2"; several with commas between them.
  """

  method: str
  share: float = 1.0
  variant: str = ""

  @property
  def name(self) -> str:
    """How the command line, folders and reports name it."""
    share = "" if self.share == 1 else f"@{self.share:g}"
    return " ".join(filter(None, (f"{self.method}{share}", self.variant)))


@dataclasses.dataclass(frozen=True)
class Run:
  """One run of the grid, and what is measured of it.

  Attributes:
    entry: Method and budget.
    seed: Of the run.
    config: To train with.
    measured: From the `labels` argument to the configuration that names the
      labelled images and the settings of the evaluations.
  """

  entry: Entry
  seed: int
  config: ConfigDict
  measured: Mapping[str, ConfigDict]

  @property
  def folder(self) -> str:
    """Name of the folder."""
    is_shared = self.entry.method in METHODS_WITHOUT_LABELS
    labels = "" if is_shared else f"-labels{next(iter(self.measured))}"
    name = self.entry.name.replace(" ", "-")
    return f"{name}{labels}-seed{self.seed}"

  def as_dict(self) -> dict[str, Any]:
    """Returns what the process of the run reads, as JSON values."""
    return {
      **{name: value for name, value in self.entry._asdict().items() if value},
      "seed": self.seed,
      "config": self.config.to_dict(),
      "measured": {k: v.to_dict() for k, v in self.measured.items()},
    }


def parse_entries(texts: Sequence[str]) -> list[Entry]:
  """Parses such as ["simclr", "suncet@0.5"].

  Raises:
    ValueError: For an unknown method, a share that is not above 0, or one that
      is given twice.
  """
  entries = []
  for text in texts:
    method, _, share = text.strip().partition("@")
    if method not in METHOD_NAMES:
      raise ValueError(
        f"--methods has {method!r}, expected some of "
        f"{', '.join(METHOD_NAMES)}, each with a share of the budget behind an "
        "@ if it is not 1, such as suncet@0.5."
      )
    entries.append(Entry(method, _share(text, share) if share else 1.0))
  if len(set(entries)) < len(entries) or not entries:
    raise ValueError(
      f"--methods is {','.join(texts)!r}, expected each of them once, and one "
      "at least."
    )
  return entries


def with_variants(
  entries: Sequence[Entry], variants: Sequence[str]
) -> list[Entry]:
  """Adds to each entry one per variant: an ablation, one change at a time."""
  changed = [e._replace(variant=v) for e in entries for v in variants]
  return [*entries, *changed]


def _parse_variant(text: str) -> dict[str, Any]:
  """Returns the fields of such as "optim.name=lars,optim.peak_lr=1.0"."""
  fields = {}
  for item in filter(None, text.split(",")):
    name, equals, value = item.partition("=")
    if not equals:
      raise ValueError(
        f"--variant={text}: {item!r} is not of the form field=value."
      )
    try:
      fields[name] = ast.literal_eval(value)
    except (SyntaxError, ValueError):
      fields[name] = value  # a word
  return fields


def _share(text: str, share: str) -> float:
  try:
    value = float(share)
  except ValueError:
    value = 0.0
  if not (value > 0 and math.isfinite(value)):
    raise ValueError(
      f"--methods has {text!r}, expected a share above 0 behind the @."
    )
  return value


def make_grid(
  path: str,
  overrides: Mapping[str, Any],
  *,
  entries: Sequence[Entry],
  labels: Sequence[str],
  seeds: Sequence[int],
  points: int,
) -> list[Run]:
  """Returns the runs of a comparison, seed by seed.

  A budget is the number of images that the reference (SimCLR) processes in the
  epochs of the configuration; a share of it is rounded to whole epochs.

  Args:
    path: Of the configuration, `file.py` or `file.py:epochs=8`; its argument
      must take `method`, `labels`, `seed` and `epochs`.
    overrides: Fields to set in all configurations, by dotted name.
    entries: Methods and their budgets.
    labels: Values of the `labels` argument.
    seeds: One run each.
    points: How many checkpoints of each run are measured, about.

  Raises:
    ConfigError: If a configuration has faults.
    ValueError: If the file does not take such an argument.
  """
  default_classes = 0  # the data are looked at if a configuration wants it

  def config_of(entry: Entry, of_labels: str, seed: int) -> ConfigDict:
    config = _load(path, method=entry.method, labels=of_labels, seed=seed)
    _set(config, "--config", overrides)
    variant = entry.variant
    _set(config, f"--variant={variant}", _parse_variant(variant))
    batch = config.data.labelled
    if not batch.classes_per_batch:
      nonlocal default_classes
      default_classes = default_classes or _default_classes_per_batch(config)
      batch.classes_per_batch = default_classes
    return config

  budget = images(config_of(Entry(REFERENCE), labels[0], seeds[0]))
  runs = []
  for seed, entry in itertools.product(seeds, entries):
    configs = {text: config_of(entry, text, seed) for text in labels}
    for config in configs.values():
      _fit(config, entry.share * budget, points)
      validate(config, check_files=True)
    groups = [configs]
    # One pre-training that sees no label serves every number of labels.
    if entry.method not in METHODS_WITHOUT_LABELS:
      groups = [{text: config} for text, config in configs.items()]
    runs += [
      Run(entry, seed, next(iter(group.values())), group) for group in groups
    ]
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


def _default_classes_per_batch(config: ConfigDict) -> int:
  # These load JAX: most configurations name the number.
  from suncet_jax.data.order import default_classes_per_batch
  from suncet_jax.data.sources import load

  return default_classes_per_batch(len(load(config).class_names))


def _fit(config: ConfigDict, wanted: float, points: int) -> None:
  """Sets the epochs of a run, and what a comparison keeps of it."""
  config.train.epochs = 1
  while images(config) < wanted:
    config.train.epochs += 1
  above = images(config) - wanted
  config.train.epochs -= 1
  if config.train.epochs < 1 or wanted - images(config) > above:
    config.train.epochs += 1
  every = max(1, round(config.train.epochs / points))
  config.checkpoint.keep_every_epochs = every
  config.checkpoint.every_epochs = float(every)
  config.evals.final = ()  # measured from the checkpoints
  config.log.report = False


def _set(config: ConfigDict, whose: str, fields: Mapping[str, Any]) -> None:
  """Sets fields by dotted name."""
  config.lock()  # a field that is not there is an error
  try:
    config.update_from_flattened_dict(dict(fields))
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise ValueError(f"{whose}: {error.args[0]}") from error


def _load(path: str, **values: Any) -> ConfigDict:
  """Loads a configuration with values added to its argument."""
  file, _, argument = path.partition(":")
  added = ",".join(f"{name}={value}" for name, value in values.items())
  text = f"{argument},{added}" if argument else added
  get_config = runpy.run_path(file).get("get_config")
  if get_config is None:
    raise ValueError(f"--config {file} has no function get_config.")
  return get_config(text)
