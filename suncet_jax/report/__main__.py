"""Page about runs: `python -m suncet_jax.report runs/a runs/b`."""

import argparse
import sys
from collections.abc import Sequence

from suncet_jax.console import program, streams, terminal
from suncet_jax.report.write import write_report


def main(arguments: Sequence[str] | None = None) -> int:
  """Writes the page that the command line asks for.

  Args:
    arguments: Command line without the program; None: that of this process.

  Returns:
    The exit status 0; faults end the program with status 2 and one message.
  """
  streams.prepare()
  parser = argparse.ArgumentParser(
    prog=program.name("python -m suncet_jax.report"),
    description="Shows finished or running runs in one page.",
  )
  parser.add_argument("runs", nargs="+", help="folders of runs")
  parser.add_argument(
    "--out",
    default="report.html",
    help="page to write (%(default)s)",
  )
  options = parser.parse_args(arguments)
  try:
    terminal.say(str(write_report(options.runs, options.out)))
  except (OSError, ValueError) as error:
    parser.error(str(error))
  return 0


if __name__ == "__main__":
  sys.exit(main())
