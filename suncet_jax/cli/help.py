"""Help of the command and its subcommands: each fits a screen."""

from suncet_jax.cli.subcommands import SUBCOMMANDS, Subcommand

_ABOUT = "Contrastive pre-training with few labels, in JAX."


def of_command(program: str) -> str:
  """Returns the list of subcommands.

  Args:
    program: The command, such as "suncet-jax".
  """
  width = max(map(len, SUBCOMMANDS))
  rows = [
    f"  {name:{width}}  {subcommand.summary}"
    for name, subcommand in SUBCOMMANDS.items()
  ]
  return "\n".join(
    [
      f"usage: {program} SUBCOMMAND ...",
      "",
      _ABOUT,
      "",
      *rows,
      "",
      f"  {program} train --config=digits runs/digits   # about a minute",
      f"  {program} SUBCOMMAND --help                   # what it takes",
    ]
  )


def of_subcommand(program: str, name: str) -> str:
  """Returns what a subcommand takes.

  Args:
    program: The command, such as "suncet-jax".
    name: Name of the subcommand.
  """
  subcommand = SUBCOMMANDS[name]
  parts = [
    f"usage: {program} {name} {subcommand.usage}".rstrip(),
    f"{subcommand.summary[0].upper()}{subcommand.summary[1:]}.",
    _options(subcommand),
    subcommand.note,
    subcommand.example and f"For example:\n\n  {example(program, name)}",
  ]
  return "\n\n".join(filter(None, parts))


def example(program: str, name: str) -> str:
  """Returns a command that could be typed.

  Args:
    program: The command, such as "suncet-jax".
    name: Name of the subcommand.
  """
  return f"{program} {name} {SUBCOMMANDS[name].example}".rstrip()


def _options(subcommand: Subcommand) -> str:
  width = max((len(word) for word, _ in subcommand.options), default=0)
  lines = []
  for word, text in subcommand.options:
    first, *others = text.split("\n")
    lines.append(f"  {word:{width}}  {first}")
    lines += [f"  {'':{width}}  {line}" for line in others]
  return "\n".join(lines)
