"""Makes a folder of photographs of which few are labelled, without a network.

    python -m tools.crops --out=DIR [--per_class=72] [--labelled=7] [--seed=0]

The photographs are crops of three pictures that come with scikit-image, one
picture a class, in one folder and in no order. `labels.csv` has the class of a
few, `truth.csv` that of all. docs/tutorial.md uses them in place of photographs
of one's own.
"""

import argparse
import csv
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from tools.photographs import crop, encode, photos

CLASSES = {"cat": 3, "motorcycle": 7, "portrait": 2}  # numbers of pictures
_SIZE = (240, 180)
# A part of the picture, so that two crops of it may have little in common.
_SHARE = (0.15, 0.35)
_QUALITY = 90

Row = tuple[str, str]  # path, class


def write_crops(
  folder: pathlib.Path, *, per_class: int = 72, labelled: int = 7, seed: int = 0
) -> None:
  """Writes photographs/, labels.csv and truth.csv.

  Args:
    folder: Folder to write to, made if missing.
    per_class: Number of photographs of each class.
    labelled: Number of them that labels.csv names.
    seed: Seed of the crops and of their order.
  """
  draw = np.random.default_rng(seed)
  names = np.repeat(list(CLASSES), per_class)[draw.permutation(3 * per_class)]
  (folder / "photographs").mkdir(parents=True, exist_ok=True)
  rows = []
  for number, name in enumerate(names.tolist()):
    path = f"photographs/{number:04d}.jpg"
    image = crop(photos()[CLASSES[name]], _SIZE, draw, _SHARE)
    (folder / path).write_bytes(encode(image, _QUALITY))
    rows.append((path, name))
  few = [r for name in CLASSES for r in _of_class(rows, name)[:labelled]]
  _write(folder / "labels.csv", few)
  _write(folder / "truth.csv", rows)


def _of_class(rows: Sequence[Row], name: str) -> list[Row]:
  return [row for row in rows if row[1] == name]


def _write(path: pathlib.Path, rows: Sequence[Row]) -> None:
  with path.open("w", newline="", encoding="utf-8") as file:
    csv.writer(file, lineterminator="\n").writerows([("path", "label"), *rows])


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--out", required=True, help="folder")
  parser.add_argument("--per_class", type=int, default=72)
  parser.add_argument("--labelled", type=int, default=7, help="of each class")
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  if not 1 <= options.labelled <= options.per_class:
    parser.error("expected at least 1 --labelled, and no more than --per_class")
  try:
    folder = pathlib.Path(expanded(options.out))
    write_crops(
      folder,
      per_class=options.per_class,
      labelled=options.labelled,
      seed=options.seed,
    )
  # A package, or room for the files, is missing.
  except (OSError, UserError) as error:
    print(f"Error: {error}", file=sys.stderr)
    return 2
  print(
    f"{3 * options.per_class} photographs, {3 * options.labelled} of them in "
    f"labels.csv: {folder}"
  )
  return 0


if __name__ == "__main__":
  sys.exit(main())
