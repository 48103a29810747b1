"""Recipe of a comparison: a configuration file, loaded for each run."""

import bisect
import runpy
from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.compare.entries import Entry, parse_variant
from suncet_jax.config import validate
from suncet_jax.config.files import located
from suncet_jax.errors import UserError

# Field that a comparison decides -> what decides it.
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


class Recipe:
  """A configuration file with the overrides of the command line."""

  def __init__(self, path: str, overrides: Mapping[str, Any]) -> None:
    """Reads the file.

    Args:
      path: Path of the file, `file.py` or `file.py:epochs=8`.
      overrides: Fields to set in all configurations, by dotted name.

    Raises:
      ValueError: If the file is not there or has no `get_config`, or overrides
        set fields that a comparison decides.
    """
    _refuse("--config", overrides, _DECIDED)
    self._file, _, self._argument = located(path).partition(":")
    self._overrides = overrides
    names = runpy.run_path(self._file)
    if "get_config" not in names:
      raise UserError(f"--config {self._file} has no function get_config.")
    self._get_config = names["get_config"]
    self._default_classes = 0

  def load(
    self, entry: Entry, labels: int, seed: int, epochs: int = 0
  ) -> ConfigDict:
    """Returns the configuration of a run.

    Args:
      entry: Entry with method and variant.
      labels: Value of the `labels` argument.
      seed: Seed of the run.
      epochs: Number of epochs; 0: as in the file, and the configuration is
        validated.

    Raises:
      ConfigError: If the configuration has faults.
      ValueError: If the file does not take such an argument, or the variant
        sets fields that a comparison decides.
    """
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

  def epochs(self, entry: Entry, labels: int, wanted: float) -> int:
    """Returns the number of epochs whose images are nearest to a budget.

    Args:
      entry: Entry with method and variant.
      labels: Value of the `labels` argument.
      wanted: Budget in images, as `images` counts them.

    Raises:
      ConfigError, ValueError: As `load` does.
    """
    self.load(entry, labels, 0)  # without epochs `load` validates

    def images_in(epochs: int) -> float:
      return images(self.load(entry, labels, 0, epochs))

    enough = 1
    while images_in(enough) < wanted:
      enough *= 2
    above = bisect.bisect_left(range(enough), wanted, lo=1, key=images_in)
    if above == 1:
      return 1
    is_below_nearer = wanted - images_in(above - 1) <= images_in(above) - wanted
    return above - 1 if is_below_nearer else above

  def _extended(self, entry: Entry, labels: int, seed: int, epochs: int) -> str:
    """Returns the argument of the file with the values of one run."""
    items = list(filter(None, self._argument.split(",")))
    items += [f"method={entry.method}", f"labels={labels}", f"seed={seed}"]
    if epochs:
      items = [i for i in items if i.partition("=")[0].strip() != "epochs"]
      items.append(f"epochs={epochs}")
    return ",".join(items)


def images(config: ConfigDict) -> float:
  """Returns the number of views that a run encodes, per image of the pool.

  Those that the spec names, once each: a teacher's passes are not counted.

  Args:
    config: Configuration with `data.labelled.classes_per_batch` above 0.
  """
  spec, batch = plugins.method_spec(config.method.name), config.data.labelled
  rows = batch.classes_per_batch * batch.images_per_class
  of_labelled = rows / config.data.batch_size
  groups = (spec.groups(config, epoch) for epoch in range(config.train.epochs))
  return sum(
    len(group.unlabelled) + len(group.labelled) * of_labelled
    for group in groups
  )


def _default_classes(config: ConfigDict) -> int:
  # Imported here: they load JAX, and most configurations give the number.
  from suncet_jax.data.load import load
  from suncet_jax.data.sampling.build import default_classes_per_batch

  return default_classes_per_batch(len(load(config).class_names))


def _refuse(
  whose: str, fields: Mapping[str, Any], decided: Mapping[str, str]
) -> None:
  """Raises a UserError if a field is set that a comparison decides."""
  faults = [
    f"{name} is decided by {decided[name]}"
    for name in fields
    if name in decided
  ]
  if faults:
    raise UserError(f"{whose}: {'; '.join(faults)}. Leave it out.")


def _set(config: ConfigDict, whose: str, fields: Mapping[str, Any]) -> None:
  """Sets fields by dotted name."""
  config.lock()  # makes unknown fields an error
  try:
    config.update_from_flattened_dict(dict(fields))
  except (AttributeError, KeyError, TypeError, ValueError) as error:
    raise UserError(f"{whose}: {error.args[0]}") from error
