"""Pictures made of small images: augmented views, nearest neighbours."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from suncet_jax.report.figures import GREEN, INK, RED
from suncet_jax.report.grid import ImageGrid
from suncet_jax.report.labels import class_name


def draw_views(views: np.ndarray, titles: Sequence[str]) -> Figure | None:
  """Draws images beside their augmented views.

  Args:
    views: [rows, columns, h, w, c] uint8, the first column the original.
    titles: one per column.

  Returns:
    The figure, or None if there are no images.
  """
  if not views.size:
    return None
  grid = ImageGrid(views, has_captions=False)
  for column, title in enumerate(titles):
    grid.write_above(0, column, title)
  return grid.figure


def draw_neighbours(
  images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> Figure | None:
  """Draws queries and their nearest images, marked by agreement of class.

  Args:
    images: [rows, 1 + k, h, w, c] uint8, the first column the query.
    labels: [rows, 1 + k] integer, their true classes.
    class_names: name of each class, indexed by label.

  Returns:
    The figure, or None if there are no images.
  """
  if not images.size:
    return None
  grid = ImageGrid(images, has_captions=True)
  for (row, column), label in np.ndenumerate(labels):
    name = class_name(int(label), class_names)
    if column == 0:
      grid.write_above(row, column, name, INK)
      continue
    is_same = bool(label == labels[row, 0] and label >= 0)
    colour = GREEN if is_same else RED
    # The sign tells it to those who cannot tell green from red.
    grid.write_above(row, column, f"{'✓' if is_same else '✗'} {name}", colour)
    grid.frame(row, column, colour)
  return grid.figure
