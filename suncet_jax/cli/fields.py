"""The subcommand `fields`: fields of a configuration, to be read at a terminal.

`python -m suncet_jax.config` prints the same as tables in Markdown.
"""

import argparse
import fnmatch
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

from suncet_jax import command_line, plugins
from suncet_jax.cli.subcommands import SUBCOMMANDS
from suncet_jax.config.neighbours import neighbours
from suncet_jax.config.schema import all_fields, base
from suncet_jax.console import program, terminal
from suncet_jax.errors import UserError
from suncet_jax.fields import Field, flatten

_INDENT = " " * 4
_WIDEST = 100  # longer lines are hard to read


class Entry(NamedTuple):
  """A field, with the methods that have it so.

  Attributes:
    name: Dotted name.
    field: Its declaration.
    methods: Names of the methods.
  """

  name: str
  field: Field
  methods: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
  """Prints the fields that the command line asks for.

  Args:
    arguments: Command line without the program and the subcommand; None: that
      of this process.

  Returns:
    The exit code: 0, or 2 if there are no such fields.
  """
  parser = argparse.ArgumentParser(
    prog=program.name("suncet-jax fields"),
    description=SUBCOMMANDS["fields"].summary,
  )
  parser.add_argument("pattern", nargs="?", default="")
  parser.add_argument("--method", default="")
  options = parser.parse_args(arguments)
  methods = (options.method,) if options.method else plugins.method_names()
  try:
    known = entries(methods)
  except UserError as error:
    command_line.fail(str(error))
  found = [entry for entry in known if matches(entry, options.pattern)]
  if not found:
    command_line.fail(_nothing(options.pattern, known))
  terminal.say("\n".join(_shown(entry, methods) for entry in found))
  return 0


def entries(methods: Sequence[str]) -> list[Entry]:
  """Returns the fields of methods, in the order of the configuration.

  Args:
    methods: Names of the methods.

  Raises:
    UserError: If there is no such method.
  """
  # Fields are told apart by what is shown of them.
  having: dict[tuple[str, str, str], list[str]] = {}
  declared: dict[tuple[str, str, str], Field] = {}
  usual = base().method.name
  for method in methods:
    for name, field in flatten(all_fields(method)).items():
      if name == "method.name" and len(methods) > 1:
        field = field._replace(default=usual)  # not as many as methods
      key = name, repr(field.default), field.doc
      declared[key] = field
      having.setdefault(key, []).append(method)
  groups = list(dict.fromkeys(_group(name) for name, _, _ in declared))
  found = [Entry(k[0], f, tuple(having[k])) for k, f in declared.items()]
  # Within a group in the order of the declarations, which explains.
  return sorted(found, key=lambda entry: groups.index(_group(entry.name)))


def matches(entry: Entry, pattern: str) -> bool:
  """Returns whether a pattern is in a name, or begins a word of a meaning.

  Args:
    entry: Field.
    pattern: Text; with * or ? it must fit the whole name.
  """
  pattern = pattern.lower().removeprefix("config.")
  if any(sign in pattern for sign in "*?"):
    return fnmatch.fnmatchcase(entry.name.lower(), pattern)
  words = rf"\b{re.escape(pattern)}"  # "lr" is not in "SimCLR"
  is_meant = re.search(words, entry.field.doc, re.IGNORECASE)
  return pattern in entry.name.lower() or is_meant is not None


def _group(name: str) -> str:
  return name.partition(".")[0] if "." in name else ""


def _shown(entry: Entry, methods: Sequence[str]) -> str:
  """Returns the lines of a field: what can be typed, then what it means."""
  field = entry.field
  bound = f"  ({field.check.expected})" if field.check else ""
  meaning = field.doc
  if len(entry.methods) < len(methods):
    meaning += f" Of {', '.join(entry.methods)}."
  width = min(shutil.get_terminal_size().columns, _WIDEST)
  folded = textwrap.fill(
    meaning, width, initial_indent=_INDENT, subsequent_indent=_INDENT
  )
  first = textwrap.fill(
    f"{entry.name}={field.default!r}{bound}",
    width,
    subsequent_indent=_INDENT,
    break_on_hyphens=False,
  )
  return f"{_bold(first, entry.name)}\n{folded}"


def _bold(line: str, name: str) -> str:
  """Returns a line whose name stands out on a terminal."""
  if not terminal.is_terminal(sys.stdout):
    return line
  from rich.text import Text

  text = Text(line)
  text.stylize("bold cyan", 0, len(name))
  return terminal.rendered(text)


def _nothing(pattern: str, known: Sequence[Entry]) -> str:
  near = neighbours(pattern, {entry.name: entry.field for entry in known})
  meant = f" Did you mean {' or '.join(near)}?" if near else ""
  return f"no field has {pattern!r} in its name or its meaning.{meant}"
