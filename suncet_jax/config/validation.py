"""Checks of a configuration: every fault in one message."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from ml_collections import ConfigDict

from suncet_jax.architectures import PRECISIONS, model_faults
from suncet_jax.config.data_validation import (
  READINGS,
  SOURCES,
  data_faults,
  file_faults,
)
from suncet_jax.console.words import counted
from suncet_jax.errors import UserError

METHOD_NAMES = ("simclr", "suncet", "supervised")
METHODS_WITHOUT_LABELS = ("simclr",)
EVAL_NAMES = ("knn", "soft_nn", "linear", "finetune")

_CHOICES = {
  "precision": PRECISIONS,
  "method.name": METHOD_NAMES,
  "data.source": SOURCES,
  "data.reading": READINGS,
  "optim.name": ("lars", "sgd"),
}
_POSITIVE = (
  "method.temperature",
  "data.batch_size",
  "data.block_shards",
  "data.memory_limit_gb",
  "data.resize",
  "data.centre_crop",
  "data.labelled.images_per_class",
  "data.labelled.views",
  "augment.size",
  "multicrop.size",
  "optim.peak_lr",
  "optim.trust_coefficient",
  "train.epochs",
  "train.max_skipped_in_a_row",
  "train.micro_batches",
  "evals.batch_size",
  "evals.knn.k",
  "evals.knn.temperature",
  "evals.soft_nn.temperature",
  "evals.linear.epochs",
  "evals.linear.batch_size",
  "evals.linear.learning_rate",
  "evals.finetune.epochs",
  "evals.finetune.batch_size",
  "evals.finetune.learning_rate",
  "log.every_steps",
  "checkpoint.every_epochs",
  "checkpoint.keep",
)
_NOT_NEGATIVE = (
  "method.suncet_weight",
  "data.workers",
  "data.labelled.classes_per_batch",
  "data.labelled.per_class",
  "data.validation.per_class",
  "multicrop.views",
  "augment.brightness",
  "augment.contrast",
  "augment.saturation",
  "optim.start_lr",
  "optim.final_lr",
  "optim.warmup_epochs",
  "optim.weight_decay",
  "evals.every_epochs",
  "evals.image_size",
  "evals.linear.weight_decay",
  "checkpoint.keep_every_epochs",
)
_FRACTIONS = (
  "data.max_bad_fraction",
  "data.labelled.fraction",
  "augment.flip_prob",
  "augment.jitter_prob",
  "augment.grayscale_prob",
  "augment.blur_prob",
  "augment.solarize_prob",
  "augment.equalize_prob",
  "evals.finetune.flip_prob",
)
_INTERVALS = {  # bounds that the two ends must lie in
  "augment.crop_scale": (0.0, 1.0),
  "multicrop.crop_scale": (0.0, 1.0),
  "augment.crop_ratio": (0.0, math.inf),
  "augment.blur_sigma": (0.0, math.inf),
  "evals.finetune.crop_scale": (0.0, 1.0),
}


class ConfigError(UserError):
  """A configuration with faults; the message lists them all."""


def validate(config: ConfigDict, *, check_files: bool = False) -> None:
  """Checks every field and how the fields fit together.

  Args:
    config: A configuration made from `suncet_jax.config.base()`.
    check_files: Whether files that it names must exist on this machine too.

  Raises:
    ConfigError: With one line per fault: the field, its value, what was
      expected.
  """
  faults = list(_field_faults(config))
  if not faults:  # what follows reads the fields and needs them sane
    faults = list(_combination_faults(config))
  if check_files:
    faults += file_faults(config)
  if faults:
    lines = "\n".join(f"  {fault}" for fault in faults)
    number = counted(len(faults), "fault")
    raise ConfigError(f"The configuration has {number}:\n{lines}")


def _field_faults(config: ConfigDict) -> Iterator[str]:
  yield from _not_finite(config)
  rules: list[tuple[tuple[str, ...], Callable[[Any], bool], str]] = [
    (_POSITIVE, lambda v: v > 0, "> 0"),
    (_NOT_NEGATIVE, lambda v: v >= 0, ">= 0"),
    (_FRACTIONS, lambda v: 0 <= v <= 1, "between 0 and 1"),
    (
      ("optim.momentum", "train.ema_decay"),
      lambda v: 0 <= v < 1,
      "at least 0 and below 1",
    ),
    (("augment.hue",), lambda v: 0 <= v <= 0.5, "between 0 and 0.5"),
    # As a key of JAX's random numbers a larger seed would lose its upper bits.
    (("seed",), lambda v: 0 <= v < 2**31, "at least 0 and below 2**31"),
    (("data.split_seed",), lambda v: -1 <= v < 2**31, "-1, or as seed"),
    (
      ("optim.start_lr", "optim.peak_lr"),
      lambda v: v < 1e30,
      "a learning rate that float32 can hold",
    ),
  ]
  for names, is_valid, expected in rules:
    for name in names:
      if not is_valid(value := _get(config, name)):
        yield f"{name} is {value}, expected {expected}."
  for name, valid in _CHOICES.items():
    if (value := _get(config, name)) not in valid:
      yield f"{name} is {value!r}, expected one of {', '.join(valid)}."
  for name, (low, high) in _INTERVALS.items():
    yield from _interval_fault(name, _get(config, name), low, high)


def _interval_fault(
  name: str, value: Any, low: float, high: float
) -> Iterator[str]:
  is_pair = len(value) == 2 and all(map(_is_finite_number, value))
  if not is_pair or not low < value[0] <= value[1] <= high:
    yield f"{name} is {tuple(value)}, expected two values, {low} < a <= b" + (
      "." if math.isinf(high) else f" <= {high}."
    )


def _not_finite(config: ConfigDict, prefix: str = "") -> Iterator[str]:
  for name, value in config.items():
    if isinstance(value, ConfigDict):
      yield from _not_finite(value, f"{prefix}{name}.")
    elif value is None:
      yield f"{prefix}{name} is None, expected a value."
    elif isinstance(value, float) and not math.isfinite(value):
      yield f"{prefix}{name} is {value}, expected a finite number."
    elif prefix in ("augment.", "multicrop.") and not _has_finite_items(value):
      yield f"{prefix}{name} is {tuple(value)}, expected finite numbers."


def _is_finite_number(value: Any) -> bool:
  return isinstance(value, int | float) and math.isfinite(value)


def _has_finite_items(value: Any) -> bool:
  return not isinstance(value, tuple | list) or all(
    map(_is_finite_number, value)
  )


def _combination_faults(config: ConfigDict) -> Iterator[str]:
  yield from data_faults(config)
  yield from _schedule_faults(config)
  yield from model_faults(config.model)
  unknown = sorted(set(config.evals.final) - set(EVAL_NAMES))
  if unknown:
    yield (
      f"evals.final has {', '.join(unknown)}, expected some of "
      f"{', '.join(EVAL_NAMES)}."
    )


def _schedule_faults(config: ConfigDict) -> Iterator[str]:
  optim, epochs = config.optim, config.train.epochs
  if optim.warmup_epochs >= epochs:
    yield (
      f"optim.warmup_epochs {optim.warmup_epochs} must be less than "
      f"train.epochs {epochs}."
    )
  if optim.final_lr > optim.peak_lr:
    yield (
      f"optim.final_lr {optim.final_lr} is above optim.peak_lr {optim.peak_lr}."
    )
  if config.method.supervised_epochs < -1:
    yield (
      f"method.supervised_epochs is {config.method.supervised_epochs}, "
      "expected -1 (until the end) or an epoch >= 0."
    )


def _get(config: ConfigDict, path: str) -> Any:
  value: Any = config
  for name in path.split("."):
    value = value[name]
  return value
