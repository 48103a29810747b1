"""Fields of a JSON file that somebody else has written."""

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from etils import epath

from suncet_jax.convert.weights import ConvertError


class Fields(NamedTuple):
  """Content of a JSON file.

  Attributes:
    path: File, which errors name.
    content: Fields by name; empty if there is no such file. A null counts as
      absent.
  """

  path: epath.Path
  content: Mapping[str, Any]

  def get(self, name: str, default: Any) -> Any:
    """Returns a field; the default where it is absent."""
    value = self.content.get(name)
    return default if value is None else value

  def fault(self, name: str, value: Any, expected: str) -> ConvertError:
    """Returns the error of a field that is not supported."""
    return ConvertError(
      f"{self.path}: {name} is {value!r}, expected {expected}."
    )

  def expect(self, name: str, default: Any, expected: Any) -> None:
    """Checks a field that has one supported value.

    Raises:
      ConvertError: If it has another.
    """
    value = self.get(name, default)
    if value != expected or isinstance(value, bool) != isinstance(
      expected, bool
    ):
      raise self.fault(name, value, repr(expected))

  def flag(self, name: str, default: bool) -> bool:
    """Returns a field that is true or false."""
    value = self.get(name, default)
    if not isinstance(value, bool):
      raise self.fault(name, value, "true or false")
    return value

  def number(self, name: str, default: float) -> float:
    """Returns a field that is a number above 0."""
    value = self.get(name, default)
    if not _is_number(value) or value <= 0:
      raise self.fault(name, value, "a number above 0")
    return float(value)

  def pixels(self, name: str, value: Any) -> int:
    """Returns a number of pixels that is part of a field."""
    if not _is_number(value) or value <= 0 or value != int(value):
      raise self.fault(name, self.content.get(name), "pixels above 0")
    return int(value)

  def word(self, name: str, default: str, words: Collection[str]) -> str:
    """Returns a field that is one of some words."""
    value = self.get(name, default)
    if value not in words:
      raise self.fault(name, value, f"one of {', '.join(words)}")
    return str(value)

  def channels(
    self, name: str, default: tuple[float, ...], count: int
  ) -> tuple[float, ...]:
    """Returns a field that is a number per channel, or one for all."""
    value = self.get(name, default)
    values = [value] * count if _is_number(value) else value
    if (
      not isinstance(values, list | tuple)
      or len(values) != count
      or not all(map(_is_number, values))
    ):
      raise self.fault(name, value, f"{count} number(s)")
    return tuple(float(x) for x in values)


def _is_number(value: Any) -> bool:
  return (
    isinstance(value, int | float)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )
