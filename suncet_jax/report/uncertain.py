"""The images that a classifier is least certain of: a page, or a PNG sheet."""

from collections.abc import Sequence

from suncet_jax.report.sheet import write_sheet

_SHOWN = 60
_WORDS = (
  "The least certain first: the likeliest class with its probability, then the "
  "second. To label these teaches a classifier the most, and images of no "
  "class of the training are often among them."
)


def write_uncertain(path: str, rows: Sequence[Sequence[str]]) -> None:
  """Writes a page or a sheet of the images with the lowest probabilities.

  Args:
    path: File to write, *.html or *.png.
    rows: Path, class, probability, second class and its probability of each
      image, as text; images without a class are left out.
  """
  known = [row for row in rows if row[1]]
  shown = sorted(known, key=lambda row: float(row[2]))[:_SHOWN]
  title = f"The least certain, {len(shown)} of {len(rows)} images"
  images = [(row[0], _captions(row)) for row in shown]
  write_sheet(path, title, _WORDS, images)


def _captions(row: Sequence[str]) -> tuple[str, ...]:
  """Returns the likeliest classes, each with its probability."""
  _, *cells = row
  pairs = zip(cells[::2], cells[1::2], strict=True)
  return tuple(f"{name} {float(share):.0%}" for name, share in pairs if name)
