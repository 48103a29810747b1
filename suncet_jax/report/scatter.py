"""The picture of the embeddings."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suncet_jax.report.embedding import embedding_map, sample_rows
from suncet_jax.report.figures import (
  GRID,
  MAX_COLOURS,
  class_colours,
  new_figure,
)
from suncet_jax.report.labels import add_legend, class_name

_GREY = "#c9cdd2"
_LEGEND_PLACE = "outside right center"


def draw_embeddings(
  embeddings: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> Figure | None:
  """Draws a flat map of the embeddings, coloured by class.

  With more than 18 classes the 18 most frequent get a colour each and the
  rest are grey.

  Args:
    embeddings: [n, d] float; rows that are not finite are left out.
    labels: [n] integer, negative means unlabelled.
    class_names: name of each class, indexed by label.

  Returns:
    The figure, or None if no finite row is left.
  """
  if not embeddings.size:
    return None
  is_finite = np.isfinite(embeddings).all(axis=1)
  embeddings, labels = embeddings[is_finite], labels[is_finite]
  if not len(embeddings):
    return None
  points = embedding_map(embeddings)
  return _draw_map(points, labels[sample_rows(len(labels))], class_names)


def _draw_map(
  points: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
) -> Figure:
  shown = _frequent_classes(labels)
  palette = class_colours(len(shown))
  colours = dict(zip(shown, palette, strict=True))
  point_colours = [colours.get(int(label), _GREY) for label in labels]
  figure = new_figure(5.4)
  axes = figure.add_subplot()
  axes.scatter(
    points[:, 0], points[:, 1], 14, point_colours, linewidths=0, alpha=0.8
  )
  _frame(axes)
  names = [class_name(label, class_names) for label in shown]
  if not np.isin(labels, shown).all():
    names.append("others" if shown else "unlabelled")
  add_legend(figure, names, [*palette, _GREY][: len(names)], _LEGEND_PLACE)
  return figure


def _frequent_classes(labels: np.ndarray) -> list[int]:
  """Returns the most frequent classes, in the order of their numbers."""
  classes, counts = np.unique(labels[labels >= 0], return_counts=True)
  order = np.argsort(-counts, kind="stable")[:MAX_COLOURS]
  return sorted(int(label) for label in classes[order])


def _frame(axes: Axes) -> None:
  """Removes the ticks: positions on the map have no unit."""
  axes.set_aspect("equal", adjustable="datalim")
  axes.set_xticks([])
  axes.set_yticks([])
  axes.spines[:].set_color(GRID)
