"""Faults of `--config.x.y=value` on a command line, all of them."""

import ast
import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from suncet_jax.config.neighbours import unknown
from suncet_jax.config.parts import GROUP, part_fields
from suncet_jax.config.schema import all_fields
from suncet_jax.config.validation import faults as all_faults
from suncet_jax.config.validation import refuse
from suncet_jax.errors import UserError
from suncet_jax.fields import Field, flatten

_OVERRIDE = re.compile(
  r"--?(no)?config\.(?P<name>[^=]+)(=(?P<value>.*))?", re.S
)
_BOOLEANS = {"true": True, "t": True, "1": True}
_BOOLEANS |= {"false": False, "f": False, "0": False}

# Type of a field -> what is expected, and the parser.
_KINDS: Mapping[type, tuple[str, Callable[[str], Any]]] = {
  bool: ("True or False", lambda text: _BOOLEANS[text.lower()]),
  int: ("a whole number", lambda text: int(text, 0)),
  float: ("a number", float),
  tuple: ("values such as (0.1, 1.0)", ast.literal_eval),
}


def check(config: ConfigDict, words: Sequence[str]) -> None:
  """Checks the fields that a command line sets, before they are set.

  With one that does not exist, or whose value has another type, all the rest
  is looked at too: the message has every fault of the configuration.

  Args:
    config: Configuration as its file makes it.
    words: Command line.

  Raises:
    UserError: If a field cannot be set.
  """
  fields = _fields(config)
  faults, values = [], {}
  for match in filter(None, map(_OVERRIDE.fullmatch, words)):
    name, text = match["name"], match["value"]
    if not _is_there(config, name):
      faults.append(_absent(name, fields))
    elif text is not None and name in fields:
      try:
        values[name] = _parsed(name, text, fields[name].default)
      except UserError as error:
        faults.append(str(error))
  if faults:
    changed = ConfigDict(config.to_dict())
    for name, value in values.items():
      # What the loader converts, this loader need not.
      with contextlib.suppress(TypeError):
        changed.update_from_flattened_dict({name: value})
    refuse([*faults, *all_faults(changed, check_files=True)])


def _fields(config: ConfigDict) -> Mapping[str, Field]:
  """Returns the fields of a configuration, those of its method among them."""
  return flatten(all_fields(config.method.name)) | part_fields(config)


def _is_there(config: ConfigDict, name: str) -> bool:
  """Returns whether a name is that of a field, or of a group of them."""
  for part in name.split("."):
    if not isinstance(config, ConfigDict) or part not in config:
      return False
    config = config[part]
  return True


def _absent(name: str, fields: Mapping[str, Field]) -> str:
  """Returns a sentence about a name that a configuration does not have."""
  if name not in fields or not name.startswith(GROUP):
    return unknown(name, fields)
  return (
    f"{name} is not set by the configuration file, and a command line can only "
    "change what a file sets of a part: set it in a file of your own."
  )


def _parsed(name: str, text: str, default: Any) -> Any:
  """Returns a value of the type of the field's default.

  Raises:
    UserError: If the text is none.
  """
  expected, parse = _KINDS.get(type(default), ("", str))
  try:
    return parse(text)
  except (KeyError, ValueError, SyntaxError) as error:
    raise UserError(f"{name} is {text!r}, expected {expected}.") from error
