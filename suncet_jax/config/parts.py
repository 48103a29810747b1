"""Optimizers by part of the model: what differs from `config.optim` there.

`optim.parts` holds a group for each such part, by its name, with some fields of
`config.optim`: {"critic": {"name": "adam", "peak_lr": 3e-4, "momentum": 0.5}}.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.config.run_fields import OPTIM_OF_A_PART
from suncet_jax.fields import Field

GROUP = "optim.parts"
_KINDS: Mapping[type, str] = {
  bool: "True or False",
  float: "a number",
  str: "a word",
}


def part_fields(config: ConfigDict) -> dict[str, Field]:
  """Returns the fields that parts may have, by dotted name.

  Args:
    config: The whole configuration; its `optim.parts` names the parts.
  """
  return {
    f"{GROUP}.{part}.{name}": field
    for part in config.optim.get("parts", {})
    for name, field in OPTIM_OF_A_PART.items()
  }


def part_names(config: ConfigDict) -> tuple[str, ...]:
  """Returns the parts of a run's parameters: backbone, heads and players.

  Args:
    config: The whole configuration.
  """
  spec = plugins.method_spec(config.method.name)
  return "backbone", *spec.heads(config, class_count=2), *spec.players


def part_faults(config: ConfigDict) -> Iterator[str]:
  """Yields a sentence for each part that is none, or holds no fields.

  Args:
    config: The whole configuration.
  """
  known = part_names(config)
  for part, fields in config.optim.parts.items():
    if part not in known:
      close = difflib.get_close_matches(part, known, n=1)
      yield (
        f"{GROUP}.{part} is no part of {config.method.name}, expected some of "
        f"{', '.join(known)}{f': is {close[0]} meant?' if close else '.'}"
      )
    elif not isinstance(fields, ConfigDict):
      yield (
        f"{GROUP}.{part} is {fields!r}, expected the fields of optim that "
        "differ there, such as {'peak_lr': 0.001}."
      )


def settings_of_parts(config: ConfigDict) -> Iterator[tuple[str, ConfigDict]]:
  """Yields the name and the whole settings of each part with its own.

  Args:
    config: The whole configuration.
  """
  for part, fields in config.optim.parts.items():
    if isinstance(fields, ConfigDict):
      yield f"{GROUP}.{part}", ConfigDict({**config.optim, **fields})


def type_fault(name: str, value: Any, field: Field) -> str:
  """Returns what is wrong with the type of a part's field; empty if nothing is.

  The types of all other fields are kept by the configuration itself.

  Args:
    name: Dotted name of the field.
    value: Its value.
    field: The field.
  """
  kind = type(field.default)
  is_number = isinstance(value, int) and not isinstance(value, bool)
  if isinstance(value, kind) or (kind is float and is_number):
    return ""
  return f"{name} is {value!r}, expected {_KINDS[kind]}."
