"""Image files with captions, to be looked at: a page, or a PNG sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.files import storage
from suncet_jax.files.text import encoded, readable
from suncet_jax.report.contact_sheet import Group, Tile, contact_sheet
from suncet_jax.report.images import GridImage, ImageGrid, address
from suncet_jax.report.page import Paragraph, page

_COLUMNS = 6
_SIDE = 128  # pixels
_WIDTH = 8  # rem
_GREY = (128, 128, 128)

# Path of an image, and the lines of its caption.
Captioned = tuple[str, tuple[str, ...]]


def write_sheet(
  path: str, title: str, words: str, images: Sequence[Captioned]
) -> None:
  """Writes a page or a sheet of images.

  Args:
    path: File to write, *.html or *.png.
    title: Title above the images.
    words: What a page says of them besides.
    images: Path and caption of each image.
  """
  if path.endswith(".png"):
    # A picture has no pointer to show the name at.
    tiles = [
      Tile(_pixels(image), (_name(image), *lines)) for image, lines in images
    ]
    storage.write(path, contact_sheet([Group(title, tiles)], _COLUMNS))
    return
  grid = ImageGrid([_image(*each) for each in images], _COLUMNS, _WIDTH)
  storage.write(
    path, encoded(page(title, [Paragraph(words, is_soft=True), grid]))
  )


def _image(path: str, lines: tuple[str, ...]) -> GridImage:
  caption = ", ".join(lines) or _name(path)
  square = ImageOps.pad(
    Image.fromarray(_pixels(path)), (_SIDE, _SIDE), color=_GREY
  )
  return GridImage(
    address=address(np.asarray(square)),
    words=f"{readable(path)}: {caption}",
    caption=caption,
    classes="",
    is_small=False,
  )


def _name(path: str) -> str:
  """Returns the last part of a path, as it can be shown."""
  return readable(path).rpartition("/")[2]


def _pixels(path: str) -> np.ndarray:
  return EncodedImage(storage.read(path)).pixels()
