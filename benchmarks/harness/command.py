"""Command lines of the programs: options, tables in Markdown, and output."""

import argparse
import pathlib
import shlex
import statistics
import sys
from collections.abc import Callable, Collection, Iterable, Sequence

from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded


def parser(
  description: str | None, repeats: int | None = None
) -> argparse.ArgumentParser:
  """Returns a parser of --out and, if something is timed, --repeats.

  Args:
    description: Docstring of the program, printed unchanged.
    repeats: Default of --repeats; None: no such option.
  """
  made = argparse.ArgumentParser(
    prog=_program(),
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  if repeats is not None:
    made.add_argument("--repeats", type=int, default=repeats)
  made.add_argument("--out", type=_file, help="also write it there")
  return made


def _file(text: str) -> pathlib.Path:
  try:
    return pathlib.Path(expanded(text))
  except UserError as error:
    raise argparse.ArgumentTypeError(str(error)) from error


def given() -> str:
  """Returns the command line with which this program was started."""
  return f"{_program()} {shlex.join(sys.argv[1:])}".rstrip()


def names(valid: Collection[str]) -> Callable[[str], list[str]]:
  """Returns a parser of comma-separated names."""

  def parse(text: str) -> list[str]:
    found = text.split(",")
    unknown = [name for name in found if name not in valid]
    if unknown:
      raise argparse.ArgumentTypeError(
        f"unknown: {', '.join(unknown)}; expected some of {', '.join(valid)}"
      )
    return found

  return parse


def publish(parts: Iterable[str], out: pathlib.Path | None) -> None:
  """Prints the parts that are not empty, and writes them to --out if given."""
  text = "\n\n".join(filter(None, parts))
  print(text)
  if out:
    out.write_text(text + "\n")


def table_line(cells: Sequence[str]) -> str:
  """Returns one row of a Markdown table."""
  return "| " + " | ".join(cells) + " |"


def table_head(titles: Sequence[str]) -> str:
  """Returns the first two lines of a Markdown table."""
  return f"{table_line(titles)}\n|{'---|' * len(titles)}"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """Returns a whole Markdown table."""
  return "\n".join([table_head(titles), *map(table_line, rows)])


def milliseconds(seconds: Sequence[float] | None) -> str:
  """Returns "median (minimum)" in ms, or an empty text without times."""
  if not seconds:
    return ""
  median, least = statistics.median(seconds), min(seconds)
  digits = 0 if median >= 0.1 else 1
  return f"{1e3 * median:.{digits}f} ({1e3 * least:.{digits}f})"


def ratio(theirs: Sequence[float] | None, ours: Sequence[float] | None) -> str:
  """Returns the ratio of the medians, theirs by ours."""
  if not theirs or not ours:
    return ""
  return f"{statistics.median(theirs) / statistics.median(ours):.2f}"


def _program() -> str:
  """Returns the command that starts this program, without its options."""
  spec = sys.modules["__main__"].__spec__
  assert spec is not None  # all are started with -m
  return f"python -m {spec.name.removesuffix('.__main__')}"
