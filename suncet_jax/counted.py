"""Numbers of things in messages."""


def counted(count: int, noun: str) -> str:
  """Returns such as "1 epoch" or "20 epochs"."""
  return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
