"""Plans labels: what more are worth, and which images to label next.

    python -m suncet_jax.labels curve runs/mine --target=0.9
    python -m suncet_jax.labels choose runs/mine photographs/ --count=50

Nothing is trained but small classifiers on the features of an encoder.
"""

import argparse
import sys
from collections.abc import Sequence

from suncet_jax import command_line
from suncet_jax.console import program, streams

_CLASSIFIERS = ("logistic", "knn", "soft_nn")
_WAYS = ("typical", "spread", "random", "uncertain")


def main(arguments: Sequence[str] | None = None) -> int:
  """Does what the command line asks for.

  Args:
    arguments: Command line without the program; None takes that of this
      process.

  Returns:
    Exit code 0; after a fault the process exits with 2 and one message.
  """
  streams.prepare()
  options = _parser().parse_args(arguments)
  command_line.quiet_libraries()
  with command_line.clear_errors():
    # Imported here: JAX takes seconds, and the command line may be wrong.
    if options.command == "curve":
      from suncet_jax.labels import curve_command as command
    else:
      from suncet_jax.labels import choose_command as command  # type: ignore
    command.run(options)
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog=program.name("python -m suncet_jax.labels"),
    description="Plans labels; see docs/labels.md.",
  )
  commands = parser.add_subparsers(dest="command", required=True)
  curve = commands.add_parser("curve", help="what more labels are worth")
  choose = commands.add_parser("choose", help="which images to label next")
  for each in (curve, choose):
    each.add_argument("encoder", help="folder of a run, or weights")
    each.add_argument("--seed", type=_not_negative, default=0)
    each.add_argument("--batch_size", type=_positive, default=256)
  _add_curve(curve)
  _add_choose(choose)
  return parser


def _add_curve(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    "train",
    nargs="?",
    default="",
    help="labelled images: folder with one sub-folder per class, or CSV file; "
    "without it the run's own",
  )
  parser.add_argument(
    "test", nargs="?", default="", help="the same, to measure on"
  )
  parser.add_argument(
    "--test_fraction",
    type=_share,
    default=0.25,
    help="share of TRAIN that is measured on without TEST (%(default)s)",
  )
  parser.add_argument(
    "--counts", type=_counts, help="labels per class, such as 1,2,5,10"
  )
  parser.add_argument(
    "--draws", type=_positive, default=8, help="subsets of each (%(default)s)"
  )
  parser.add_argument(
    "--by", choices=_CLASSIFIERS, default="logistic", help="(%(default)s)"
  )
  parser.add_argument(
    "--target", type=_share, default=0.0, help="accuracy to reach, such as 0.9"
  )
  parser.add_argument(
    "--out", default="labels", help="folder to write to (%(default)s)"
  )


def _add_choose(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    "images",
    nargs="+",
    help="image files, folders of images, CSV lists with a column path",
  )
  parser.add_argument(
    "--count", type=_positive, default=50, help="how many (%(default)s)"
  )
  parser.add_argument(
    "--by",
    choices=_WAYS,
    default="typical",
    help="typical of each kind; spread: far from those with labels; uncertain: "
    "of the run's classifier (%(default)s)",
  )
  parser.add_argument(
    "--labelled",
    default="",
    help="images that have a label: folder, or CSV file with path and label",
  )
  parser.add_argument(
    "--out", default="to_label.csv", help="list to write (%(default)s)"
  )
  parser.add_argument(
    "--sheet",
    type=_sheet,
    help="images to look at: a page *.html, a sheet *.png",
  )


def _positive(text: str) -> int:
  if (number := int(text)) < 1:
    raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
  return number


def _not_negative(text: str) -> int:
  if (number := int(text)) < 0:
    raise argparse.ArgumentTypeError(f"expected 0 or more, got {text}")
  return number


def _share(text: str) -> float:
  if not 0 < (number := float(text)) < 1:
    raise argparse.ArgumentTypeError(f"expected between 0 and 1, got {text}")
  return number


def _counts(text: str) -> list[int]:
  return sorted({_positive(part) for part in text.split(",")})


def _sheet(text: str) -> str:
  if not text.endswith((".html", ".png")):
    raise argparse.ArgumentTypeError(f"expected *.html or *.png, got {text}")
  return text


if __name__ == "__main__":
  sys.exit(main())
