"""What the programs of this folder share: options and output."""

import argparse
import pathlib
from collections.abc import Callable, Collection, Iterable


def parser(description: str | None, repeats: int) -> argparse.ArgumentParser:
  """Returns a parser of --repeats and --out.

  Args:
    description: the program's docstring, printed as it is.
    repeats: the default.
  """
  made = argparse.ArgumentParser(
    description=description,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  made.add_argument("--repeats", type=int, default=repeats)
  made.add_argument("--out", type=pathlib.Path, help="also write it there")
  return made


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
  """Prints the parts that are not empty, and writes them where one asked."""
  text = "\n\n".join(filter(None, parts))
  print(text)
  if out:
    out.write_text(text + "\n")
