"""Terminal output: drawn for people on a terminal, plain lines elsewhere."""

import contextlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


def is_terminal(stream: TextIO) -> bool:
  """Returns whether a stream goes to a terminal that can draw.

  Args:
    stream: Stream to check, such as `sys.stdout`.
  """
  # While a bar is drawn Rich replaces the stream by one without encoding.
  stream = getattr(stream, "rich_proxied_file", stream)
  # Commands of a notebook have a terminal too, but it keeps output as text.
  in_notebook = "JPY_PARENT_PID" in os.environ
  kind = os.environ.get("TERM", "")
  if in_notebook or kind in ("", "dumb", "unknown"):
    return False
  if stream.closed or not stream.isatty():
    return False
  return (stream.encoding or "").lower().startswith("utf")


def say(text: str, stream: TextIO | None = None) -> None:
  """Prints and flushes; a closed pipe or terminal is not an error.

  Args:
    text: One line or several.
    stream: Stream to print to; None: standard output.
  """
  stream = stream or sys.stdout
  with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
    try:
      print(text, file=stream, flush=True)
    except BrokenPipeError:
      # For instance after `| head`. The stream is redirected, since later
      # prints and the flush at exit must not fail either.
      nowhere = os.open(os.devnull, os.O_WRONLY)
      os.dup2(nowhere, stream.fileno())
      os.close(nowhere)


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
    file=io.StringIO(), force_terminal=True, force_jupyter=False
  )
  console.print(drawn)
  return console.file.getvalue().removesuffix("\n")  # type: ignore[attr-defined]


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
    made.add_column(
      Text(name),
      justify="right" if is_right else "left",
      style="" if i else "cyan",
      no_wrap=is_right,
      overflow="fold",
    )
  for row in rows:
    made.add_row(*map(Text, row))
  return made
