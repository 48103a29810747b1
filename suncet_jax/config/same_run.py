"""Which configurations may share a folder."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

# They change neither parameters nor results, only what is written and when,
# or where things are.
_HARMLESS_GROUPS = ("log.", "checkpoint.")
_HARMLESS = (
  "train.debug_nans",
  "train.compilation_cache",
  # Where the data lie; that they are the same is checked by their digest.
  "data.data_dir",
  "data.train",
  "data.test",
  "data.unlabelled",
  "data.workers",
  "data.memory_limit_gb",
  "data.max_bad_fraction",
)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
  """Lists the fields that make two configurations different runs.

  Args:
    old: A configuration as nested dicts (`ConfigDict.to_dict()` or JSON).
    new: Another one.

  Returns:
    Lines `field: old -> new`, sorted; empty when one run may go on as the
    other. How often something is logged or saved does not count.
  """
  before, after = dict(_fields(old)), dict(_fields(new))
  missing = "(absent)"
  return [
    f"{name}: {before.get(name, missing)} -> {after.get(name, missing)}"
    for name in sorted(before.keys() | after.keys())
    if before.get(name, missing) != after.get(name, missing)
  ]


def fingerprint(config: dict[str, Any]) -> str:
  """Returns 16 hexadecimal digits of everything that decides the result."""
  text = json.dumps(sorted(_fields(config)))
  return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fields(config: dict[str, Any], prefix: str = "") -> Iterator[tuple]:
  for name, value in config.items():
    path = prefix + name
    if isinstance(value, dict):
      yield from _fields(value, path + ".")
    elif path not in _HARMLESS and not path.startswith(_HARMLESS_GROUPS):
      # JSON text, so that a tuple equals the list it becomes in a file.
      yield path, json.dumps(value)
