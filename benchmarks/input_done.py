"""A measurement that is no job to be repeated: facts found out once."""

from typing import Any


class Done:
  """A job that is done when it is made; its facts tell."""

  def __init__(self, facts: dict[str, Any]) -> None:
    """Takes the facts."""
    self._facts = facts

  def __call__(self, steps: int) -> None:
    """Does nothing more."""

  def facts(self) -> dict[str, Any]:
    """Returns what was measured."""
    return self._facts
