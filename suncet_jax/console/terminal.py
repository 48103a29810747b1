"""Terminal output: drawn for people on a terminal, plain lines elsewhere."""

import io
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import TextIO

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from suncet_jax.console import streams

_LEAST_TEXT = 12  # columns, for names that are folded


def is_terminal(stream: TextIO | None) -> bool:
  """Returns whether a stream goes to a terminal that can draw.

  Args:
    stream: Stream to check, such as `sys.stdout`; None: it is closed.
  """
  # While a bar is drawn Rich replaces the stream by one without encoding.
  stream = getattr(stream, "rich_proxied_file", stream)
  # Commands of a notebook have a terminal too, but it keeps output as text.
  in_notebook = "JPY_PARENT_PID" in os.environ
  kind = os.environ.get("TERM", "")
  if in_notebook or kind in ("", "dumb", "unknown"):
    return False
  try:
    os.fstat(stream.fileno())  # type: ignore[union-attr]
    can_draw = stream.isatty() and callable(stream.flush)  # type: ignore[union-attr]
    encoding = stream.encoding or ""  # type: ignore[union-attr]
  # None, closed, or a class that has taken its place and can do little.
  except (AttributeError, OSError, ValueError):
    return False
  return can_draw and encoding.lower().startswith("utf")


def size_settings() -> dict[str, int]:
  """Returns settings of Rich's console in place of nonsense in $COLUMNS."""
  names = {"COLUMNS": ("width", 80), "LINES": ("height", 25)}
  return dict(names[name] for name in streams.nonsense_sizes())


def say(text: str, stream: TextIO | None = None) -> None:
  """Prints and flushes; a closed stream, pipe or terminal is not an error.

  Args:
    text: One line or several; what the stream cannot encode becomes escapes.
    stream: Stream to print to; None: standard output. If it is closed, the
      text goes to the other one.
  """
  for place in (stream, sys.stdout, sys.stderr):
    if place is not None and streams.write(place, f"{text}\n"):
      return


def show(plain: str, drawn: Callable[[], RenderableType]) -> None:
  """Prints something drawn on a terminal, plain elsewhere.

  Args:
    plain: Plain lines.
    drawn: Function that makes the Rich object; only called on a terminal.
  """
  if is_terminal(sys.stdout):
    say(rendered(drawn()))
  else:
    say(plain)


def rendered(drawn: RenderableType) -> str:
  """Returns the text of a Rich object, without the last line break.

  It is as wide as the terminal, and coloured unless `$NO_COLOR` is set.
  """
  # Not to the terminal directly: Rich ends the program if the pipe is closed.
  console = Console(
    file=io.StringIO(),
    force_terminal=True,
    force_jupyter=False,
    **size_settings(),  # type: ignore[arg-type]
  )
  if isinstance(drawn, Table):  # Rich leaves out what has no place
    console.width = max(console.width, _least_width(drawn))
  console.print(drawn)
  return console.file.getvalue().removesuffix("\n")  # type: ignore[attr-defined]


def _least_width(table: Table) -> int:
  frame = 1 + 3 * len(table.columns)
  return frame + sum(column.min_width or 0 for column in table.columns)


def table(
  titles: Sequence[str],
  rows: Sequence[Sequence[str]],
  *,
  title: str = "",
  are_numbers: bool = True,
) -> Table:
  """Returns a table in the style of this package.

  Args:
    titles: Titles of the columns; all empty: no line of titles.
    rows: Rows with a text for each column.
    title: Title above the table.
    are_numbers: Whether all columns but the first hold numbers.
  """
  made = Table(
    title=Text(title) if title else None,
    title_justify="left",
    title_style="bold",
    box=box.ROUNDED,
    border_style="bright_black",
    header_style="bold",
    show_header=any(titles),
  )
  for i, name in enumerate(titles):
    is_right = bool(i) and are_numbers
    words = (*name.split(), *(row[i] for row in rows))
    longest = max(map(cell_len, words), default=1) or 1
    made.add_column(
      Text("\n".join(textwrap.wrap(name, longest)) if is_right else name),
      justify="right" if is_right else "left",
      style="" if i else "cyan",
      no_wrap=is_right,
      min_width=longest if is_right else min(longest, _LEAST_TEXT),
      overflow="fold",
    )
  for row in rows:
    made.add_row(*map(Text, row))
  return made
