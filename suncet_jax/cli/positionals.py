"""Words without -- of a command line, for commands that know flags alone."""

from collections.abc import Iterator, Sequence

from absl import flags

from suncet_jax import command_line
from suncet_jax.cli import help as texts
from suncet_jax.cli.subcommands import Subcommand
from suncet_jax.console import program


def parse(name: str, subcommand: Subcommand, argv: list[str]) -> list[str]:
  """Parses flags and words in any order; ends the program if they are wrong.

  Args:
    name: Name of the subcommand.
    subcommand: The subcommand.
    argv: Command line with the program.

  Returns:
    The program alone: every word is a flag by now.
  """
  flags.FLAGS.set_gnu_getopt(True)  # flags may stand behind words
  command, *words = command_line.parse_flags(argv)
  places = [p for p in subcommand.positionals or () if p in flags.FLAGS]
  for word, place in zip(words, places, strict=False):
    if flags.FLAGS[place].present:
      command_line.fail(f"{word!r} and --{place}: give one of the two.")
    flags.FLAGS[place].parse(word)
    flags.FLAGS[place].using_default_value = False
  if words[len(places) :]:
    command_line.fail(
      f"unexpected arguments {words[len(places) :]}, expected: "
      f"{program.name()} {subcommand.usage}"
    )
  if missing := list(_missing(subcommand)):
    start = program.name().removesuffix(f" {name}")
    command_line.fail(
      f"missing: {' and '.join(missing)}. For example: "
      f"{texts.example(start, name)}"
    )
  return [command]


def as_overrides(words: Sequence[str], fields: Sequence[str]) -> list[str]:
  """Returns a command line whose folders are fields of a configuration.

  With a configuration of the user's own it is left as it is.

  Args:
    words: Command line without the program.
    fields: Names of the fields that take the words without --, in order.
  """
  if any(word.split("=")[0].lstrip("-") == "config" for word in words):
    return list(words)
  given = [word for word in words if not word.startswith("-")]
  if not 0 < len(given) <= len(fields):
    return list(words)
  return [
    "--config=folder",
    *(f"--config.{f}={word}" for f, word in zip(fields, given, strict=False)),
    *(word for word in words if word.startswith("-")),
  ]


def _missing(subcommand: Subcommand) -> Iterator[str]:
  """Yields what the usage calls the flags that are not given."""
  for flag, words in subcommand.required.items():
    if flag in flags.FLAGS and not flags.FLAGS[flag].value:
      yield words
