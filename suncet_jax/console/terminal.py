"""What a person at a terminal sees, and plain lines for everything else."""

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
  """Whether somebody looks at a stream through a terminal that can draw.

  A notebook's commands have a terminal too, but what is drawn there is kept as
  text.

  Args:
    stream: Such as `sys.stdout`.
  """
  # Rich's stand-in, while a bar is drawn, does not tell its encoding.
  stream = getattr(stream, "rich_proxied_file", stream)
  in_notebook = "JPY_PARENT_PID" in os.environ
  kind = os.environ.get("TERM", "")
  if in_notebook or kind in ("", "dumb", "unknown"):
    return False
  if stream.closed or not stream.isatty():
    return False
  return (stream.encoding or "").lower().startswith("utf")


def say(text: str, stream: TextIO | None = None) -> None:
  """Prints and flushes; that nobody reads any more is no reason to stop.

  Args:
    text: One line or several.
    stream: Where to; None: standard output.
  """
  stream = stream or sys.stdout
  with contextlib.suppress(OSError):  # a full disk, a terminal that is gone
    try:
      print(text, file=stream, flush=True)
    except BrokenPipeError:
      # As after `| head`: what others print there must not fail either, nor
      # what is flushed when the program ends.
      nowhere = os.open(os.devnull, os.O_WRONLY)
      os.dup2(nowhere, stream.fileno())
      os.close(nowhere)


def show(plain: str, drawn: Callable[[], RenderableType]) -> None:
  """Prints something that is drawn at a terminal and plain elsewhere.

  Args:
    plain: Its lines.
    drawn: Makes what Rich draws; not called elsewhere.
  """
  if is_terminal(sys.stdout):
    say(rendered(drawn()))
  else:
    say(plain)


def rendered(drawn: RenderableType) -> str:
  """Returns what is drawn as text, without the end of the last line.

  It is as wide as the terminal, and coloured but for `$NO_COLOR`.
  """
  # Of a console that has the terminal's stream Rich would end the program where
  # nobody reads it any more.
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
    titles: Of the columns; all empty: no line of titles.
    rows: A text for each column.
    title: Above it.
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
