"""The accuracies of a finished run, for people to read."""

from collections.abc import Mapping
from typing import Any

from suncet_jax.console import terminal
from suncet_jax.console.words import ACCURACY_NAMES

_TITLE = "test accuracy, top 1"


def show(metrics: Mapping[str, Any]) -> None:
  """Prints accuracies as a table.

  Args:
    metrics: In [0, 1], by name; others than accuracies are left out.
  """
  rows = [
    (text, f"{metrics[name]:.1%}")
    for name, text in ACCURACY_NAMES.items()
    if name in metrics
  ]
  lines = [_TITLE, *(f"  {text:<26}{value:>7}" for text, value in rows)]
  terminal.show(
    "\n".join(lines), lambda: terminal.table(("", ""), rows, title=_TITLE)
  )
