"""Small images in a page: grids, and sheets for the image at the pointer."""

import base64
import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from PIL import Image

from suncet_jax.report.data import ReportData
from suncet_jax.report.page import Part

_QUALITY = 85
# Images up to this size are kept without loss, with square pixels.
_SMALL = 48


@dataclasses.dataclass(frozen=True)
class GridImage:
  """An image of a grid.

  Attributes:
    address: Image as a data: URL.
    words: Image in words, also shown at the pointer.
    caption: Text below the image; may be empty.
    classes: Classes of page.css: "first" in a row, "same" or "other".
    is_small: Whether its pixels are shown as squares.
  """

  address: str
  words: str
  caption: str
  classes: str
  is_small: bool


@dataclasses.dataclass(frozen=True)
class ImageGrid(Part):
  """Images in rows.

  Attributes:
    images: Images of the grid, row by row.
    columns: Number of images in a row.
    width: Largest width of an image, in rem.
  """

  images: Sequence[GridImage]
  columns: int
  width: int
  template = "images.html.j2"


def address(image: np.ndarray) -> str:
  """Returns an image as a data: URL.

  Args:
    image: Image, uint8 [h, w, c] with c 1 (grey) or 3.

  Returns:
    The URL of a WebP file, lossless for small images.
  """
  picture = Image.fromarray(
    image.squeeze(-1) if image.shape[-1] == 1 else image
  )
  buffer = io.BytesIO()
  is_small = max(image.shape[:2]) <= _SMALL
  picture.save(buffer, "webp", quality=_QUALITY, lossless=is_small)
  return (
    "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
  )


def sheet(images: np.ndarray) -> tuple[np.ndarray, int]:
  """Puts images on one sheet, row by row.

  Args:
    images: Images, uint8 [n, h, w, c], n above 0.

  Returns:
    The sheet, uint8 [rows * h, columns * w, c], and the number of columns.
  """
  count, h, w, c = images.shape
  columns = int(np.ceil(np.sqrt(count)))
  rows = int(np.ceil(count / columns))
  whole = np.zeros((rows * columns, h, w, c), np.uint8)
  whole[:count] = images
  grid = whole.reshape(rows, columns, h, w, c).swapaxes(1, 2)
  return grid.reshape(rows * h, columns * w, c), columns


def views_grid(data: ReportData) -> ImageGrid | None:
  """Returns images beside their augmented views, or None without any."""
  return _titled(data.views, data.view_titles)


def heard_grid(data: ReportData) -> ImageGrid | None:
  """Returns frames, bright where their sound is heard, or None without any."""
  return _titled(data.heard, data.heard_titles)


def _titled(rows: np.ndarray, columns: Sequence[str]) -> ImageGrid | None:
  """Returns a grid with a title above each column."""
  titles = [str(title) for title in columns]
  return _grid(
    (
      _image(image, titles[column], titles[column] if row == 0 else "", column)
      for row, images in enumerate(rows)
      for column, image in enumerate(images)
    ),
    rows,
  )


def drawn_grid(data: ReportData) -> ImageGrid | None:
  """Returns images that networks drew, row by row, or None without any."""
  titles = [str(title) for title in data.drawn_titles]
  return _grid(
    (
      _image(image, titles[row], titles[row] if column == 0 else "", column)
      for row, images in enumerate(data.drawn)
      for column, image in enumerate(images)
    ),
    data.drawn,
  )


def neighbours_grid(data: ReportData) -> ImageGrid | None:
  """Returns queries and their nearest images, or None without any.

  Images of another class than the query have a dashed frame, which can be seen
  without colours too.
  """
  return _grid(_neighbours(data), data.neighbours)


def _neighbours(data: ReportData) -> Iterator[GridImage]:
  for (row, column), label in np.ndenumerate(data.neighbour_labels):
    name = data.class_name(int(label))
    image = data.neighbours[row, column]
    if column == 0:
      yield _image(image, f"test image of class {name}", name, 0)
      continue
    query = data.neighbour_labels[row, 0]
    is_same = bool(label == query and label >= 0)
    words = (
      f"neighbour {column}, of {'the same' if is_same else 'another'} class"
    )
    style = "same" if is_same else "other"
    yield _image(image, f"{words}: {name}", name, column, style)


def _grid(images: Iterable[GridImage], pixels: np.ndarray) -> ImageGrid | None:
  if not pixels.size:
    return None
  width = 5 if max(pixels.shape[2:4]) <= _SMALL else 8
  return ImageGrid(list(images), pixels.shape[1], width)


def _image(
  pixels: np.ndarray, words: str, caption: str, column: int, style: str = ""
) -> GridImage:
  return GridImage(
    address=address(pixels),
    words=words,
    caption=caption,
    classes=" ".join(filter(None, (style, "" if column else "first"))),
    is_small=max(pixels.shape[:2]) <= _SMALL,
  )
