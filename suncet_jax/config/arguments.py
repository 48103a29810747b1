"""Typed argument behind the colon of `--config=file.py:labels=10,...`."""

from typing import Any

import ml_collections

from suncet_jax.errors import UserError


def parse_arg(arg: str | None, **defaults: Any) -> ml_collections.ConfigDict:
  """Parses `name=value,name=value`; each value gets its default's type.

  Args:
    arg: Text behind the colon, e.g. `"labels=10,method=simclr"`; None or empty
      gives the defaults.
    **defaults: Valid names with their defaults (str, int, float or bool).

  Returns:
    A ConfigDict with one attribute per name.

  Raises:
    ValueError: If a name is unknown or repeated, a `=` is missing, or a value
      does not parse as the default's type; the message lists every fault.

  Example:
    >>> from suncet_jax.config import parse_arg
    >>> parse_arg("epochs=5", epochs=100, method="suncet").epochs
    5
  """
  values, faults = dict(defaults), []
  seen: set[str] = set()
  for item in filter(None, (arg or "").split(",")):
    name, equals, text = (part.strip() for part in item.partition("="))
    if not equals:
      faults.append(f"{item!r} is not of the form name=value")
    elif name not in defaults:
      faults.append(f"{name!r} is unknown")
    elif name in seen:
      faults.append(f"{name!r} is given twice")
    else:
      seen.add(name)
      try:
        values[name] = _convert(text, type(defaults[name]))
      except ValueError:
        expected = type(defaults[name]).__name__
        faults.append(f"{name}={text!r} is not of type {expected}")
  if faults:
    valid = ", ".join(f"{k}={v}" for k, v in defaults.items())
    raise UserError(
      f"Config argument {arg!r}: {'; '.join(faults)}. "
      f"Valid names with their defaults: {valid}."
    )
  return ml_collections.ConfigDict(values)


def _convert(text: str, kind: type) -> Any:
  if kind is bool:
    lowered = text.lower()
    if lowered not in ("true", "false", "1", "0"):
      raise UserError(text)
    return lowered in ("true", "1")
  return kind(text)
