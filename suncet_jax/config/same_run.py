"""Comparison of configurations: may they share a folder?"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from suncet_jax.config.schema import all_fields, upgraded
from suncet_jax.errors import UserError
from suncet_jax.fields import Field, flatten


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
  """Lists the fields that make two configurations different runs.

  Args:
    old: Configuration as nested dicts (`ConfigDict.to_dict()` or JSON).
    new: Configuration to compare it with.

  Returns:
    Lines `field: old -> new`, sorted; empty if one run may go on as the other.
    Fields that do not decide the result, such as those of the log, are ignored.
  """
  before, after = _decisive(old), _decisive(new)
  missing = "(absent)"
  return [
    f"{name}: {before.get(name, missing)} -> {after.get(name, missing)}"
    for name in sorted(before.keys() | after.keys())
    if before.get(name, missing) != after.get(name, missing)
  ]


def as_begun(config: ConfigDict, kept: Mapping[str, Any]) -> ConfigDict:
  """Returns a configuration with what its run found in `init.weights`.

  Digest and normalisation are known once a run has begun, and kept with its
  configuration: to go on, the file is not needed.

  Args:
    config: Configuration as the user gives it.
    kept: Configuration that the run keeps, as nested dicts.
  """
  init = kept.get("init", {})
  if not config.init.weights or init.get("weights") != config.init.weights:
    return config
  made = config.copy_and_resolve_references()
  made.init.sha256 = config.init.sha256 or init["sha256"]
  if not config.augment.mean and not config.augment.std:
    found = kept["augment"]
    made.augment.mean, made.augment.std = map(
      tuple, (found["mean"], found["std"])
    )
  return made


def fingerprint(config: dict[str, Any]) -> str:
  """Returns a hash, 16 hexadecimal digits, of what decides the result."""
  text = json.dumps(sorted(_decisive(config).items()))
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _decisive(config: Mapping[str, Any]) -> dict[str, str]:
  """Returns the fields that decide the result, as JSON text by dotted name.

  Fields that a stored configuration does not have yet get their defaults.
  """
  fields = _fields_of(config)
  # JSON text, so that a tuple equals the list it becomes in a file.
  values = {name: json.dumps(field.default) for name, field in fields.items()}
  for name, value in _leaves(upgraded(config) if fields else config):
    values[name] = json.dumps(value)
  return {
    name: text
    for name, text in values.items()
    if name not in fields or fields[name].decides_result
  }


def _fields_of(config: Mapping[str, Any]) -> dict[str, Field]:
  """Returns the fields that a configuration of this version has."""
  try:
    return flatten(all_fields(config["method"]["name"]))
  except (KeyError, TypeError, UserError):  # the method is not installed
    return {}


def _leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple]:
  for name, value in config.items():
    if isinstance(value, Mapping):
      yield from _leaves(value, f"{prefix}{name}.")
    else:
      yield prefix + name, value
