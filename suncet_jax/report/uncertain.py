"""The images that a classifier is least certain of: a page, or a PNG sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.files import storage
from suncet_jax.files.text import encoded, readable
from suncet_jax.report.contact_sheet import Group, Tile, contact_sheet
from suncet_jax.report.images import GridImage, ImageGrid, address
from suncet_jax.report.page import Paragraph, Part, page

_SHOWN = 60
_COLUMNS = 6
_SIDE = 128  # pixels
_WIDTH = 8  # rem
_GREY = (128, 128, 128)
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
  if path.endswith(".png"):
    # A picture has no pointer to show the name at.
    tiles = [
      Tile(_pixels(row[0]), (_name(row[0]), *_captions(row))) for row in shown
    ]
    storage.write(path, contact_sheet([Group(title, tiles)], _COLUMNS))
  else:
    storage.write(path, encoded(_page(title, shown)))


def _page(title: str, shown: Sequence[Sequence[str]]) -> str:
  parts: list[Part] = [Paragraph(_WORDS, is_soft=True)]
  parts.append(ImageGrid([_image(row) for row in shown], _COLUMNS, _WIDTH))
  return page(title, parts)


def _image(row: Sequence[str]) -> GridImage:
  caption = ", ".join(_captions(row))
  square = ImageOps.pad(
    Image.fromarray(_pixels(row[0])), (_SIDE, _SIDE), color=_GREY
  )
  return GridImage(
    address=address(np.asarray(square)),
    words=f"{readable(row[0])}: {caption}",
    caption=caption,
    classes="",
    is_small=False,
  )


def _captions(row: Sequence[str]) -> tuple[str, ...]:
  """Returns the likeliest classes, each with its probability."""
  _, *cells = row
  pairs = zip(cells[::2], cells[1::2], strict=True)
  return tuple(f"{name} {float(share):.0%}" for name, share in pairs if name)


def _name(path: str) -> str:
  """Returns the last part of a path, as it can be shown."""
  return readable(path).rpartition("/")[2]


def _pixels(path: str) -> np.ndarray:
  return EncodedImage(storage.read(path)).pixels()
