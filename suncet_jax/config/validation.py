"""Validation of a configuration: every fault in one message."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.architectures import model_faults
from suncet_jax.config.data_faults import data_faults, file_faults
from suncet_jax.config.schema import all_fields
from suncet_jax.console.words import counted
from suncet_jax.errors import UserError
from suncet_jax.fields import fault, flatten


class ConfigError(UserError):
  """A configuration with faults; the message lists them all."""


def validate(config: ConfigDict, *, check_files: bool = False) -> None:
  """Checks every field and the combinations of fields.

  Args:
    config: Configuration made from `suncet_jax.config.base()`.
    check_files: Whether files that it names must exist on this machine too.

  Raises:
    ConfigError: If there are faults; a line for each says field, value and
      what was expected.
  """
  faults = list(_field_faults(config))
  if not faults:  # the checks of combinations assume valid fields
    faults = list(_combination_faults(config))
  if check_files:
    faults += file_faults(config)
  if faults:
    lines = "\n".join(f"  {fault}" for fault in faults)
    number = counted(len(faults), "fault")
    raise ConfigError(f"The configuration has {number}:\n{lines}")


def _field_faults(config: ConfigDict) -> Iterator[str]:
  method = config.method.name
  try:
    fields = flatten(all_fields(method))
  except UserError as error:
    yield str(error)
    return
  values = dict(_leaves(config))
  for name, field in fields.items():
    if name in values and (text := fault(name, values[name], field)):
      yield text
  odd = sorted(fields.keys() ^ values.keys())
  for name in odd:
    is_missing = name in fields
    yield f"{name} is {'missing' if is_missing else 'not a field'}."
  if any(name.startswith("method.") for name in odd):
    yield (
      f"The fields of {method} come with it: choose the method by the "
      f"argument, --config=FILE.py:method={method}, or in Python by "
      f"base({method!r}), and not by --config.method.name."
    )


def _leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple]:
  for name, value in config.items():
    if isinstance(value, ConfigDict):
      yield from _leaves(value, f"{prefix}{name}.")
    else:
      yield prefix + name, value


def _combination_faults(config: ConfigDict) -> Iterator[str]:
  yield from data_faults(config)
  yield from _schedule_faults(config)
  yield from model_faults(config.model)
  yield from plugins.method_spec(config.method.name).faults(config)
  yield from plugins.evaluation_faults(config, config.evals.final)


def _schedule_faults(config: ConfigDict) -> Iterator[str]:
  optim, epochs = config.optim, config.train.epochs
  if optim.warmup_epochs >= epochs:
    yield (
      f"optim.warmup_epochs {optim.warmup_epochs} must be less than "
      f"train.epochs {epochs}."
    )
  if optim.schedule != "cosine" and optim.final_lr:
    yield (
      f"optim.final_lr {optim.final_lr} is the end of a cosine only: leave 0 "
      f"with optim.schedule={optim.schedule!r}."
    )
  if not optim.lr_in_momentum and optim.name != "lars":
    yield (
      "optim.lr_in_momentum=False is for optim.name='lars'; the learning rate "
      f"of {optim.name!r} is never in the momentum: leave True."
    )
  if optim.final_lr > optim.peak_lr:
    yield (
      f"optim.final_lr {optim.final_lr} is above optim.peak_lr {optim.peak_lr}."
    )
