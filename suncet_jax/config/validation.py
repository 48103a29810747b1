"""Validation of a configuration: every fault in one message."""

from collections.abc import (
  Collection,
  Iterable,
  Iterator,
  Mapping,
  Sequence,
)
from typing import Any

from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.architectures import model_faults
from suncet_jax.config.data_faults import data_faults, file_faults
from suncet_jax.config.model_faults import network_faults
from suncet_jax.config.neighbours import neighbours, unknown
from suncet_jax.config.parts import (
  GROUP,
  part_faults,
  part_fields,
  settings_of_parts,
  type_fault,
)
from suncet_jax.config.schema import all_fields
from suncet_jax.console.words import counted
from suncet_jax.errors import UserError
from suncet_jax.fields import Field, fault, flatten


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
  refuse(faults(config, check_files=check_files))


def refuse(found: Sequence[str]) -> None:
  """Raises a ConfigError with a line for each fault, if there are any."""
  if found:
    lines = "\n".join(f"  {fault}" for fault in found)
    number = counted(len(found), "fault")
    raise ConfigError(f"The configuration has {number}:\n{lines}")


def faults(config: ConfigDict, *, check_files: bool = False) -> list[str]:
  """Returns a sentence for each fault of a configuration.

  Args:
    config: Configuration made from `suncet_jax.config.base()`.
    check_files: Whether files that it names must exist on this machine too.
  """
  method = config.method.name
  try:
    fields = flatten(all_fields(method))
  except UserError as error:
    return [str(error)]
  values, optional = dict(_leaves(config)), part_fields(config)
  fields |= {n: field for n, field in optional.items() if n in values}
  faulty = {
    name: text
    for name, field in fields.items()
    if name in values and (text := _fault(name, values[name], field))
  }
  odd = [
    name
    for name in sorted(fields.keys() ^ values.keys())
    if name.rpartition(".")[0] != GROUP  # of which `part_faults` says more
  ]
  found = [*faulty.values(), *_odd_faults(odd, {**optional, **fields}, method)]
  replaced = [*faulty, *fields.keys() - values.keys()]
  sound = _with_defaults(config, replaced, fields) if replaced else config
  # What a default in place of a faulty value does not fit is no fault.
  found += [
    text
    for text in _combination_faults(sound, check_files)
    if not any(_is_about(text, name) for name in replaced)
  ]
  return found


def _fault(name: str, value: Any, field: Field) -> str:
  """Returns what is wrong with a value; empty if nothing is."""
  of_type = type_fault(name, value, field) if name.startswith(GROUP) else ""
  return of_type or fault(name, value, field)


def _odd_faults(
  odd: Sequence[str], fields: Mapping[str, Field], method: str
) -> Iterator[str]:
  """Yields what is missing and what does not exist."""
  for name in odd:
    yield f"{name} is missing." if name in fields else unknown(name, fields)
  # A misspelt name is no sign of another method's fields.
  foreign = [n for n in odd if n in fields or not neighbours(n, fields)]
  if any(name.startswith("method.") for name in foreign):
    yield (
      f"The fields of {method} come with it: choose the method by the "
      f"argument, --config=FILE.py:method={method}, or in Python by "
      f"base({method!r}), and not by --config.method.name."
    )


def _with_defaults(
  config: ConfigDict, names: Iterable[str], fields: Mapping[str, Field]
) -> ConfigDict:
  """Returns a copy in which some fields have their defaults."""
  values = config.to_dict()
  for name in names:
    *groups, last = name.split(".")
    place = values
    for group in groups:
      place = place.setdefault(group, {})
    place[last] = fields[name].default
  return ConfigDict(values)


def _is_about(text: str, name: str) -> bool:
  """Returns whether a fault is about a field or the small group it is in."""
  group = name.rpartition(".")[0]
  return name in text or ("." in group and group in text)


def _leaves(config: ConfigDict, prefix: str = "") -> Iterator[tuple]:
  for name, value in config.items():
    if isinstance(value, ConfigDict):
      yield from _leaves(value, f"{prefix}{name}.")
    else:
      yield prefix + name, value


def _combination_faults(config: ConfigDict, check_files: bool) -> Iterator[str]:
  yield from data_faults(config)
  yield from part_faults(config)
  yield from _optimizer_faults(config)
  yield from model_faults(config.model)
  yield from network_faults(config)
  method = plugins.method_spec(config.method.name)
  yield from _row_faults(config, method)
  yield from method.faults(config)
  yield from _view_faults(config)
  yield from plugins.evaluation_faults(config, config.evals.final)
  heads = method.heads(config, class_count=2)  # which is not known yet
  yield from _init_faults(config, heads)
  yield from _lora_faults(config)
  for evaluation in plugins.evaluations().values():
    yield from evaluation.faults(config, heads)
  if check_files:
    yield from file_faults(config)


def _row_faults(
  config: ConfigDict, method: plugins.MethodSpec
) -> Iterator[str]:
  """Yields faults of methods that do not suit images, or clips."""
  source, name = config.data.source, config.method.name
  if source == "arrays":  # which may be either
    return
  kind = "clips" if source == "clips" else "images"
  if kind not in method.rows:
    yield (
      f"method.name is {name!r}, a method of {' and '.join(method.rows)}, but "
      f"data.source {source!r} has {kind}."
    )


def _view_faults(config: ConfigDict) -> Iterator[str]:
  method, views = config.method.name, config.multicrop.views
  if views and "small" not in plugins.views_of_images(config):
    yield (
      f"multicrop.views is {views}, but {method} encodes no small views: leave "
      "0."
    )


def _init_faults(config: ConfigDict, heads: Collection[str]) -> Iterator[str]:
  """Yields faults in what a run starts from."""
  init, known = config.init, ("backbone", *heads)
  if not init.weights:
    yield from (
      f"init.{name} is {init[name]!r}, but there are no init.weights."
      for name in ("network", "sha256")
      if init[name]
    )
    return
  for part in init.parts:
    if part not in known:
      yield (
        f"init.parts names {part!r}, expected some of {', '.join(known)}, "
        f"the parts of {config.method.name}."
      )


def _lora_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults in adapters of a backbone, which itself stays."""
  optim, init = config.optim, config.init
  if not optim.lora_rank:
    return
  text = f"optim.lora_rank is {optim.lora_rank}, but"
  if not (init.weights and "backbone" in init.parts):
    yield (
      f"{text} the backbone, which adapters leave as it is, would be one of "
      'random numbers: set init.weights, with "backbone" in init.parts, or '
      "leave 0."
    )
  if optim.frozen_blocks == -1:
    yield (
      f"{text} with optim.frozen_blocks=-1 no adapter moves: set one of the "
      "two."
    )


def _optimizer_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults in settings that go together, of all and of single parts."""
  epochs = config.train.epochs
  of_all = list(_schedule_faults("optim", config.optim, epochs))
  yield from of_all
  for name, settings in settings_of_parts(config):
    for text in _schedule_faults(name, settings, epochs):
      if text.replace(name, "optim") not in of_all:
        yield text


def _schedule_faults(
  name: str, optim: ConfigDict, epochs: int
) -> Iterator[str]:
  if optim.warmup_epochs >= epochs:
    yield (
      f"{name}.warmup_epochs {optim.warmup_epochs} must be less than "
      f"train.epochs {epochs}."
    )
  if optim.schedule != "cosine" and optim.final_lr:
    yield (
      f"{name}.final_lr {optim.final_lr} is the end of a cosine only: leave 0 "
      f"with {name}.schedule={optim.schedule!r}."
    )
  if not optim.lr_in_momentum and optim.name != "lars":
    yield (
      f"{name}.lr_in_momentum=False is for {name}.name='lars'; the learning "
      f"rate of {optim.name!r} is never in the momentum: leave True."
    )
  if optim.final_lr > optim.peak_lr:
    yield (
      f"{name}.final_lr {optim.final_lr} is above {name}.peak_lr "
      f"{optim.peak_lr}."
    )
