"""Words for messages: counts, and names of many things."""

from collections.abc import Mapping, Sequence


def counted(count: int, noun: str) -> str:
  """Returns a count with its noun, such as "1 epoch" or "20 epochs"."""
  return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def shorten(names: Sequence[str], limit: int = 5) -> str:
  """Returns the first names of a list and the number of the others."""
  more = f" and {len(names) - limit} more" if len(names) > limit else ""
  return ", ".join(names[:limit]) + more


def fault_list(kinds: Mapping[str, Sequence[str]]) -> str:
  """Returns a line per kind of fault with the tensors that have it.

  Args:
    kinds: Names of tensors by kind of fault; may be empty lists.

  Returns:
    The lines; empty if there are no faults.
  """
  return "\n".join(
    f"  {what}: {shorten(names, 10)}" for what, names in kinds.items() if names
  )
