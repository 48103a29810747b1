"""Classifies image files with the classifier that a run has kept.

    python -m suncet_jax.predict runs/mine photographs/ --out=predictions.csv

Images are files, folders and CSV lists with a column path. The file has a row
per image, in their order: path, class, probability, second_class and
second_probability. What cannot be decoded keeps its row, with an empty class.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import numpy as np

from suncet_jax import command_line
from suncet_jax.console import program, streams, terminal
from suncet_jax.console.progress import Counter
from suncet_jax.console.words import counted

COLUMNS = (
  "path",
  "class",
  "probability",
  "second_class",
  "second_probability",
)
_TOP = 2


def main(arguments: Sequence[str] | None = None) -> int:
  """Classifies the images that the command line names.

  Args:
    arguments: Command line without the program; None takes that of this
      process.

  Returns:
    Exit code 0; after a fault the process exits with 2 and one message.
  """
  streams.prepare()
  options = _parser().parse_args(arguments)
  if options.batch_size < 1:
    command_line.fail(f"--batch_size is {options.batch_size}, expected above 0")
  if options.sheet and not options.sheet.endswith((".html", ".png")):
    command_line.fail(f"--sheet is {options.sheet}, expected *.html or *.png.")
  with command_line.clear_errors():
    # Imported here: JAX takes seconds, and the command line may be wrong.
    from suncet_jax.workdir.compilation_cache import programs_of_user_kept

    with programs_of_user_kept():
      _predict(options)
  return 0


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog=program.name("python -m suncet_jax.predict"),
    description="Classifies image files; see docs/classifier.md.",
  )
  parser.add_argument(
    "run", help="folder of a finished run, or file of an exported classifier"
  )
  parser.add_argument(
    "images",
    nargs="+",
    help="image files, folders of images, CSV lists with a column path",
  )
  parser.add_argument(
    "--out", default="predictions.csv", help="file to write (%(default)s)"
  )
  parser.add_argument(
    "--sheet",
    default="",
    help="images that it is least certain of: a page *.html, a sheet *.png",
  )
  parser.add_argument(
    "--batch_size",
    type=int,
    default=256,
    help="images that go through the network at a time (%(default)s)",
  )
  return parser


def _predict(options: argparse.Namespace) -> None:
  """Loads the classifier, goes through all images, writes the files."""
  from suncet_jax.classifier import load_classifier
  from suncet_jax.convert.given import GivenImages
  from suncet_jax.files.formats import write_csv

  classify = load_classifier(options.run, batch_size=options.batch_size)
  given = GivenImages(options.images, classify.images)
  terminal.say(f"{counted(given.count, 'image')}, {_about(classify.classes)}")
  tops = []
  with Counter("Classifying", given.count, "images") as counter:
    for probabilities in classify.stream(given):
      tops.append(_top(probabilities))
      counter.add(len(probabilities))
  classes = np.concatenate([top[0] for top in tops])
  probabilities = np.concatenate([top[1] for top in tops])
  assert given.paths is not None
  rows = list(_rows(given.paths, classify.classes, classes, probabilities))
  write_csv(options.out, COLUMNS, rows)
  if given.bad:
    terminal.say(
      f"{len(given.bad)} of {counted(given.count, 'image')} cannot be decoded: "
      "their rows have no class."
    )
  terminal.say(f"Written: {options.out}")
  if options.sheet:
    from suncet_jax.report.uncertain import write_uncertain

    write_uncertain(options.sheet, rows)
    terminal.say(f"Written: {options.sheet}")


def _about(classes: Sequence[str]) -> str:
  return f"{len(classes)} classes" if len(classes) != 1 else "1 class"


def _top(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Returns the two likeliest classes of each row and their probabilities."""
  first = np.argsort(-probabilities, axis=1, kind="stable")[:, :_TOP]
  return first, np.take_along_axis(probabilities, first, axis=1)


def _rows(
  paths: Sequence[str],
  names: Sequence[str],
  classes: np.ndarray,
  probabilities: np.ndarray,
) -> Iterator[tuple[str, ...]]:
  """Yields a row of text per image, as `COLUMNS` names its cells."""
  for path, top, shares in zip(paths, classes, probabilities, strict=True):
    cells = [path]
    for number, share in zip(top, shares, strict=True):
      is_bad = np.isnan(share)
      cells += ["", ""] if is_bad else [names[number], f"{share:.6f}"]
    yield (*cells, *[""] * (len(COLUMNS) - len(cells)))


if __name__ == "__main__":
  sys.exit(main())
