"""Calls of public functions: what is wrong with one, in a sentence."""

import functools
import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_Result = TypeVar("_Result")


def explained(
  room: str,
) -> Callable[[Callable[_P, _Result]], Callable[_P, _Result]]:
  """Returns a decorator of functions whose options are keyword-only.

  A call that does not fit raises a `TypeError` that names the function, the
  argument and the way to write it.

  Args:
    room: Name in front of that of the function, such as "losses".
  """

  def decorate(function: Callable[_P, _Result]) -> Callable[_P, _Result]:
    signature = inspect.signature(function)
    title = f"{room}.{function.__name__}"

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _Result:
      try:
        signature.bind(*args, **kwargs)
      except TypeError as error:
        fault = _fault(signature.parameters, args, kwargs) or f": {error}"
        raise TypeError(f"{title}{fault}.") from None
      return function(*args, **kwargs)

    return called

  return decorate


def _fault(
  parameters: Mapping[str, inspect.Parameter],
  args: tuple[Any, ...],
  kwargs: Mapping[str, Any],
) -> str | None:
  """Returns what is wrong with a call; None if it is something rare."""
  options = [p for p in parameters.values() if p.kind == p.KEYWORD_ONLY]
  plain = [p.name for p in parameters.values() if p.kind != p.KEYWORD_ONLY]
  names = ", ".join(p.name for p in options)
  if len(args) > len(plain):
    by_place = ", ".join(plain) or "no argument"
    return (
      f" takes {by_place} by position, got {len(args)} positional arguments. "
      f"Give options by name{_example(options, args[len(plain)])}; "
      f"they are {names}"
    )
  unknown = next((name for name in kwargs if name not in parameters), None)
  if unknown is not None:
    taken = f"{', '.join(plain)}, and by name {names}" if plain else names
    return f" has no argument {unknown!r}. It takes {taken}"
  given = {*plain[: len(args)], *kwargs}
  missing = [
    p.name
    for p in parameters.values()
    if p.default is p.empty and p.name not in given
  ]
  return f" is called without {', '.join(missing)}" if missing else None


def _example(options: list[inspect.Parameter], value: Any) -> str:
  """Returns how to write the option that a value was probably meant for."""
  is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
  kind = float if is_number else type(value)
  name = next((p.name for p in options if type(p.default) is kind), None)
  return f", such as {name}={value}" if name else ""
