"""Small images in a page: grids of them, and sheets for pointing at."""

import base64
import html
import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from suncet_jax.report.data import ReportData

_QUALITY = 85
# Up to this size every pixel counts, and is shown as a square.
_SMALL = 48


def address(image: np.ndarray) -> str:
  """Returns an image as a data: URL.

  Args:
    image: [h, w, c] uint8 with c 1 (grey) or 3.

  Returns:
    The URL of a WebP file; of a small image without loss.
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
    images: [n, h, w, c] uint8, n above 0.

  Returns:
    [rows * h, columns * w, c] uint8 and the number of columns.
  """
  count, h, w, c = images.shape
  columns = int(np.ceil(np.sqrt(count)))
  rows = int(np.ceil(count / columns))
  whole = np.zeros((rows * columns, h, w, c), np.uint8)
  whole[:count] = images
  grid = whole.reshape(rows, columns, h, w, c).swapaxes(1, 2)
  return grid.reshape(rows * h, columns * w, c), columns


def views_grid(data: ReportData) -> str:
  """Returns images beside their augmented views; empty if there are none."""
  titles = [str(title) for title in data.view_titles]
  return _grid(
    (
      _figure(image, titles[column], titles[column] if row == 0 else "", column)
      for row, images in enumerate(data.views)
      for column, image in enumerate(images)
    ),
    data.views,
  )


def neighbours_grid(data: ReportData) -> str:
  """Returns queries and their nearest images, marked by agreement of class.

  What is of another class has a dashed frame, so that it can be told without
  colours; empty if there are none.
  """
  return _grid(_neighbours(data), data.neighbours)


def _neighbours(data: ReportData) -> Iterator[str]:
  for (row, column), label in np.ndenumerate(data.neighbour_labels):
    name = data.class_name(int(label))
    image = data.neighbours[row, column]
    if column == 0:
      yield _figure(image, f"test image of class {name}", name, 0)
      continue
    query = data.neighbour_labels[row, 0]
    is_same = bool(label == query and label >= 0)
    words = (
      f"neighbour {column}, of {'the same' if is_same else 'another'} class"
    )
    style = "same" if is_same else "other"
    yield _figure(image, f"{words}: {name}", name, column, style)


def _grid(figures: Iterator[str], images: np.ndarray) -> str:
  if not images.size:
    return ""
  columns = images.shape[1]
  width = 5 if max(images.shape[2:4]) <= _SMALL else 8
  style = f"--columns: {columns}; --width: {width}rem"
  return (
    '<div class="wide" tabindex="0" role="region" aria-label="images">'
    f'<div class="images" style="{style}">{"".join(figures)}</div></div>'
  )


def _figure(
  image: np.ndarray, words: str, caption: str, column: int, style: str = ""
) -> str:
  pixels = "pixels" if max(image.shape[:2]) <= _SMALL else ""
  classes = " ".join(filter(None, (style, "" if column else "first")))
  below = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
  return (
    f'<figure class="{classes}"><img class="{pixels}" '
    f'alt="{html.escape(words)}" title="{html.escape(words)}" '
    f'src="{address(image)}">{below}</figure>'
  )
