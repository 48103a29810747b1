"""Says what does not fit a data set, and a command with numbers that do."""

import runpy
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from suncet_jax.check.numbers import Images, Numbers, fitting, steps_per_epoch
from suncet_jax.config.files import located, packaged
from suncet_jax.console import terminal
from suncet_jax.data.source import Dataset

# Fields that the arguments of the command set.
_DECIDED = frozenset(
  (
    "augment.size",
    "data.batch_size",
    "data.centre_crop",
    "data.labelled.per_class",
    "data.resize",
    "data.test",
    "data.test_fraction",
    "data.train",
    "data.unlabelled",
    "data.validation.per_class",
    "method.name",
    "model.name",
    "seed",
    "train.epochs",
  )
)


class Asked(NamedTuple):
  """What the command line asks for.

  Attributes:
    file: Configuration as `file.py` or `file.py:argument`.
    overrides: Fields that are set besides, by dotted name.
  """

  file: str
  overrides: Mapping[str, Any]


def say_misfits(misfits: Sequence[str]) -> None:
  """Prints what a run would refuse, if there is something."""
  if misfits:
    lines = "".join(f"\n  {text}" for text in misfits)
    terminal.say(f"What does not fit; a run would refuse it:{lines}")


def advise(
  config: ConfigDict, dataset: Dataset, asked: Asked, faults: Sequence[str]
) -> None:
  """Prints numbers that fit, and the command; for configs/folder.py alone.

  Args:
    config: The whole configuration.
    dataset: Data set that it names.
    asked: Command line.
    faults: Faults of the configuration; the command does not repeat them.
  """
  folder = packaged()["folder"]
  if located(asked.file).partition(":")[0] != str(folder):
    return
  on_cpu = jax.default_backend() == "cpu"
  images = _counted(dataset)
  numbers = fitting(_wanted(config), images, on_cpu=on_cpu)
  file = runpy.run_path(str(folder))
  argument, fields = _arguments(config, numbers, file["DEFAULTS"])
  made = file["get_config"](argument)
  steps = steps_per_epoch(
    images.total - images.classes * numbers.validation, numbers.batch
  )
  fields += [
    f"--config.{name}={value}"
    for name, value in asked.overrides.items()
    if name not in _DECIDED and not any(name in fault for fault in faults)
  ]
  words = [f"--config=folder:{argument}", *fields, "runs/mine"]
  machine = "without an accelerator" if on_cpu else "with an accelerator"
  terminal.say(
    f"To begin with, for {images.total:,} training images, {machine}:\n"
    f"  batch={numbers.batch}, with which the recipe's peak rate is "
    f"{made.optim.peak_lr:.3g}\n"
    f"  epochs={numbers.epochs}, {numbers.epochs * steps:,} steps\n"
    f"  model={numbers.model}, size={numbers.size}\n"
    f"  suncet-jax train {shlex.join(words)}"
  )


def _counted(dataset: Dataset) -> Images:
  labels, classes = dataset.train.labels, len(dataset.class_names)
  by_class = np.bincount(labels[labels >= 0], minlength=classes)
  return Images(labels.size, int(by_class.min()), classes)


def _wanted(config: ConfigDict) -> Numbers:
  data = config.data
  return Numbers(
    labels=data.labelled.per_class,
    validation=data.validation.per_class,
    batch=data.batch_size,
    epochs=config.train.epochs,
    model=config.model.name,
    size=config.augment.size,
  )


def _arguments(
  config: ConfigDict, numbers: Numbers, defaults: Mapping[str, Any]
) -> tuple[str, list[str]]:
  """Returns the argument of configs/folder.py, and flags for what it lacks.

  Args:
    config: The whole configuration.
    numbers: Numbers that fit.
    defaults: Values of the arguments that need not be given.
  """
  data = config.data
  paths = {n: data[n] for n in ("train", "test", "unlabelled") if data[n]}
  # The argument has commas between its parts.
  fields = [f"--config.data.{n}={p}" for n, p in paths.items() if "," in p]
  given: dict[str, Any] = {n: p for n, p in paths.items() if "," not in p}
  given |= {
    "test_fraction": data.test_fraction,
    **numbers._asdict(),
    "method": config.method.name,
    "seed": config.seed,
  }
  shown = [
    f"{name}={value}"
    for name, value in given.items()
    if value != defaults[name]
  ]
  return ",".join(shown), fields
