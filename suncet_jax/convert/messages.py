"""Names of tensors in messages."""

from collections.abc import Mapping, Sequence


def summary(names: Sequence[str], limit: int = 10) -> str:
  """Returns names for a message, the first ones of many."""
  more = f" and {len(names) - limit} more" if len(names) > limit else ""
  return ", ".join(names[:limit]) + more


def fault_list(kinds: Mapping[str, Sequence[str]]) -> str:
  """Returns a line per kind of fault with the tensors that have it.

  Args:
    kinds: From what is wrong to names of tensors; there may be none.

  Returns:
    The lines; empty if nothing is wrong.
  """
  return "\n".join(
    f"  {what}: {summary(names)}" for what, names in kinds.items() if names
  )
