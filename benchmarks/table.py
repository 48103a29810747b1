"""Lines of a markdown table of times."""

import statistics
from collections.abc import Sequence


def line(cells: Sequence[str]) -> str:
  """Returns one row of a markdown table."""
  return "| " + " | ".join(cells) + " |"


def head(titles: Sequence[str]) -> str:
  """Returns the first two lines of a markdown table."""
  return f"{line(titles)}\n|{'---|' * len(titles)}"


def milliseconds(seconds: Sequence[float] | None) -> str:
  """Returns "median (minimum)" in ms, or nothing where nothing was measured."""
  if not seconds:
    return ""
  median, least = statistics.median(seconds), min(seconds)
  digits = 0 if median >= 0.1 else 1
  return f"{1e3 * median:.{digits}f} ({1e3 * least:.{digits}f})"


def ratio(theirs: Sequence[float] | None, ours: Sequence[float] | None) -> str:
  """Returns how many times as long theirs takes as ours, by the medians."""
  if not theirs or not ours:
    return ""
  return f"{statistics.median(theirs) / statistics.median(ours):.2f}"
