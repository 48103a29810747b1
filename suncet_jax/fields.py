"""A field of the configuration: default, meaning and bound in one place."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias


class Check(NamedTuple):
  """A bound.

  Attributes:
    is_valid: Whether a value is within it.
    expected: The bound in words, as they follow "expected".
  """

  is_valid: Callable[[Any], bool]
  expected: str


class Field(NamedTuple):
  """A field.

  Attributes:
    default: Its neutral value, which also gives its type.
    doc: Meaning and unit.
    check: Bound of its values, if it has one.
    decides_result: Whether another value makes another run. False for what
      only changes what is written, and when, or where things are: such a field
      may change when a run is gone on with.
  """

  default: Any
  doc: str
  check: Check | None = None
  decides_result: bool = True


# Nested as the configuration is.
Fields: TypeAlias = "Mapping[str, Field | Fields]"

POSITIVE = Check(lambda v: v > 0, "> 0")
NOT_NEGATIVE = Check(lambda v: v >= 0, ">= 0")
FRACTION = Check(lambda v: 0 <= v <= 1, "between 0 and 1")
BELOW_ONE = Check(lambda v: 0 <= v < 1, "at least 0 and below 1")


SHARE = Check(lambda v: 0 < v <= 1, "above 0 and at most 1")


def at_least(low: float, words: str = "") -> Check:
  """Returns the bound of numbers that are `low` or more.

  Args:
    low: Lowest value.
    words: Meaning of the bound, if it means something special.
  """
  return Check(lambda v: v >= low, words or f">= {low}")


def one_of(*values: Any) -> Check:
  """Returns the bound of a choice."""
  return Check(lambda v: v in values, f"one of {', '.join(map(str, values))}")


def interval(high: float = math.inf) -> Check:
  """Returns the bound of a range (a, b) with 0 < a <= b <= high."""

  def is_valid(value: Any) -> bool:
    is_pair = len(value) == 2 and all(map(_is_finite_number, value))
    return is_pair and 0 < value[0] <= value[1] <= high

  limit = "" if math.isinf(high) else f" <= {high}"
  return Check(is_valid, f"two values, 0.0 < a <= b{limit}")


def flatten(fields: Fields, prefix: str = "") -> dict[str, Field]:
  """Returns fields by their dotted names, in order."""
  flat: dict[str, Field] = {}
  for name, field in fields.items():
    if isinstance(field, Field):
      flat[prefix + name] = field
    else:
      flat |= flatten(field, f"{prefix}{name}.")
  return flat


def defaults(fields: Fields) -> dict[str, Any]:
  """Returns the default values, nested as the fields are."""
  return {
    name: field.default if isinstance(field, Field) else defaults(field)
    for name, field in fields.items()
  }


def fault(name: str, value: Any, field: Field) -> str:
  """Returns what is wrong with a value of a field; empty if nothing is.

  Args:
    name: Dotted name of the field.
    value: Its value, of the default's type.
    field: The field.
  """
  if value is None:
    return f"{name} is None, expected a value."
  if isinstance(value, float) and not math.isfinite(value):
    return f"{name} is {value}, expected a finite number."
  are_numbers = not any(isinstance(item, str) for item in _items(field.default))
  if are_numbers and not all(map(_is_finite_number, _items(value))):
    return f"{name} is {tuple(value)}, expected finite numbers."
  if field.check and not field.check.is_valid(value):
    shown = repr(value) if isinstance(value, str) else value
    return f"{name} is {shown}, expected {field.check.expected}."
  return ""


def _items(value: Any) -> tuple[Any, ...]:
  return tuple(value) if isinstance(value, tuple | list) else ()


def _is_finite_number(value: Any) -> bool:
  return isinstance(value, int | float) and math.isfinite(value)
