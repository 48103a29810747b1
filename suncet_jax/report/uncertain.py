"""A page of the images that a classifier is least certain of."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.files import storage
from suncet_jax.files.text import readable
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


def uncertain_page(rows: Sequence[Sequence[str]]) -> str:
  """Returns a page of the images with the lowest probabilities.

  Args:
    rows: Path, class, probability, second class and its probability of each
      image, as text; images without a class are left out.

  Returns:
    The whole HTML document.
  """
  known = [row for row in rows if row[1]]
  shown = sorted(known, key=lambda row: float(row[2]))[:_SHOWN]
  parts: list[Part] = [Paragraph(_WORDS, is_soft=True)]
  parts.append(ImageGrid([_image(row) for row in shown], _COLUMNS, _WIDTH))
  return page("The least certain", parts, f"{len(shown)} of {len(rows)} images")


def _image(row: Sequence[str]) -> GridImage:
  path, name, share, second, other = row
  caption = f"{name} {float(share):.0%}"
  if second:
    caption += f", {second} {float(other):.0%}"
  return GridImage(
    address=address(_thumbnail(path)),
    words=f"{readable(path)}: {caption}",
    caption=caption,
    classes="",
    is_small=False,
  )


def _thumbnail(path: str) -> np.ndarray:
  """Returns an image, scaled down, on a square of grey."""
  pixels = EncodedImage(storage.read(path)).pixels()
  square = (_SIDE, _SIDE)
  return np.asarray(ImageOps.pad(Image.fromarray(pixels), square, color=_GREY))
