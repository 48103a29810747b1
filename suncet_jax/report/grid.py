"""A grid of small images in one figure, with room for text above each."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from suncet_jax.report.figures import (
  DOTS_PER_INCH,
  FONT_SIZE,
  INK,
  WIDTH,
  bare_figure,
)
from suncet_jax.report.labels import set_literal

_MAX_IMAGE_INCHES = 1.2
_LINE_INCHES = 0.2
_GAP = 0.08  # between images, in widths of an image
_MARGIN = 0.03  # room for frames
_FIRST_GAP = 0.2  # sets the first column, original or query, apart


class ImageGrid:
  """Draws images in rows and columns; the first column stands apart.

  The only axes of the figure count in widths of one image, y downwards.

  Args:
    images: [rows, columns, h, w, c] uint8 with c 1 (drawn grey) or 3.
    has_captions: whether every image has a line of text above it.
  """

  def __init__(self, images: np.ndarray, has_captions: bool) -> None:
    rows, columns, h, w, _ = images.shape
    self._aspect = h / w
    width = self._left(columns) - _GAP
    self._inches = min(_MAX_IMAGE_INCHES, WIDTH / (width + 2 * _MARGIN))
    self._line = _LINE_INCHES / self._inches
    self._caption = self._line if has_captions else 0.0
    height = self._top(rows) - _GAP - self._caption
    self.figure: Figure = bare_figure(
      (width + 2 * _MARGIN) * self._inches, (height + _MARGIN) * self._inches
    )
    self._axes = self.figure.add_axes((0, 0, 1, 1))
    self._axes.set_axis_off()
    for row, column in np.ndindex(rows, columns):
      self._draw(images[row, column], row, column)
    self._axes.set(xlim=(-_MARGIN, width + _MARGIN), ylim=(height + _MARGIN, 0))

  def write_above(
    self, row: int, column: int, text: str, colour: str = INK
  ) -> None:
    """Writes a line of text above an image, cut to the image's width."""
    # A letter is about 0.6 of the font's size wide.
    limit = max(3, int(self._inches * 72 / (0.6 * FONT_SIZE)))
    x, y = self._left(column) + 0.5, self._top(row) - 0.25 * self._line
    label = self._axes.text(x, y, "", color=colour, fontsize=FONT_SIZE)
    label.set_horizontalalignment("center")
    set_literal(label, text, limit)

  def frame(self, row: int, column: int, colour: str) -> None:
    """Draws a coloured frame around an image."""
    corner = self._left(column), self._top(row)
    box = Rectangle(corner, 1, self._aspect, fill=False, ec=colour, lw=2)
    self._axes.add_patch(box)

  def _left(self, column: int) -> float:
    return column * (1 + _GAP) + (_FIRST_GAP if column else 0.0)

  def _top(self, row: int) -> float:
    """Returns the upper edge of a row; the first one has a line above it."""
    pitch = self._aspect + self._caption + _GAP
    return self._line + row * pitch

  def _draw(self, image: np.ndarray, row: int, column: int) -> None:
    x, y = self._left(column), self._top(row)
    is_enlarged = image.shape[1] <= self._inches * DOTS_PER_INCH
    self._axes.imshow(
      image.squeeze(-1) if image.shape[-1] == 1 else image,
      cmap="gray",
      vmin=0,
      vmax=255,
      # Enlarged, pixels stay pixels; reduced, skipping some would alias.
      interpolation="nearest" if is_enlarged else "antialiased",
      extent=(x, x + 1, y + self._aspect, y),
    )
