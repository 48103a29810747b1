"""Map of embeddings; the pointer shows the image of a point."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Scatter
from bokeh.plotting import figure

from suncet_jax.report.chart import (
  COLORS,
  Drawing,
  color_names,
  drawing,
  empty_figure,
)
from suncet_jax.report.data import ReportData
from suncet_jax.report.images import address, sheet
from suncet_jax.report.page import Part, from_template

_HEIGHT = 540  # pixels
_SHOWN = 96  # pixels, width of the image at the pointer


@dataclasses.dataclass(frozen=True)
class EmbeddingMap(Part):
  """A map of images; the pointer shows the image of a point.

  Attributes:
    drawing: Drawing of the map.
    colors: Colours of page.css by the names of the classes, as in a
      `ChartGroup`.
    sheet: Name of the sheet of all images, unique in the page.
    address: Sheet as a data: URL.
  """

  drawing: Drawing
  colors: Mapping[str, str]
  sheet: str
  address: str
  template = "map.html.j2"


def embedding_chart(data: ReportData, name: str) -> EmbeddingMap | None:
  """Returns the map of a run's test images.

  With more classes than colours the most frequent get a colour each and the
  rest are grey.

  Args:
    data: Report data of the run.
    name: Name of the map, unique in the page: letters and digits.

  Returns:
    The map, or None if the run has no mapped images.
  """
  if not data.mapped.size:
    return None
  labels = data.labels[data.mapped]
  shown = _frequent_classes(labels)
  colors = color_names([data.class_name(label) for label in shown])
  plot = _empty_map()
  whole, columns = sheet(data.thumbnails)
  for label in shown:
    _draw(plot, data, labels == label, colors[data.class_name(label)], columns)
  is_other = ~np.isin(labels, shown)
  if is_other.any():
    colors["other classes"] = "other"
    _draw(plot, data, is_other, "other", columns, "other classes")
  plot.add_tools(_hover(name, data.thumbnails.shape, len(whole), columns))
  words = f"Map of {len(labels)} test images of {len(set(labels))} classes."
  return EmbeddingMap(drawing(plot, words), colors, name, address(whole))


def _frequent_classes(labels: np.ndarray) -> list[int]:
  """Returns the most frequent classes, in the order of their numbers."""
  classes, counts = np.unique(labels[labels >= 0], return_counts=True)
  order = np.argsort(-counts, kind="stable")[:COLORS]
  return sorted(int(label) for label in classes[order])


def _empty_map() -> figure:
  plot = empty_figure(_HEIGHT)
  # Positions on the map have no unit.
  plot.axis.visible = False
  plot.grid.visible = False
  return plot


def _draw(
  plot: figure,
  data: ReportData,
  chosen: np.ndarray,
  color: str,
  columns: int,
  name: str | None = None,
) -> None:
  """Draws the points of one class; misclassified ones as crosses."""
  places = np.flatnonzero(chosen)
  rows = data.mapped[places]
  predicted = data.predictions[rows]
  names = [data.class_name(int(label)) for label in data.labels[rows]]
  is_wrong = predicted != data.labels[rows]
  source = ColumnDataSource(
    {
      "x": data.positions[places, 0].astype(np.float32),
      "y": data.positions[places, 1].astype(np.float32),
      "label": names,
      "predicted": [data.class_name(int(label)) for label in predicted],
      "marker": np.where(is_wrong, "x", "circle").tolist(),
      "left": (places % columns * _SHOWN).tolist(),
      "top": (
        places // columns * _shown_height(data.thumbnails.shape)
      ).tolist(),
    }
  )
  glyph = Scatter(name=color, marker="marker", size=7)
  glyph.update(fill_alpha=0.75, line_alpha=0.9, line_width=1.5)
  plot.add_glyph(source, glyph, name=name or names[0])


def _shown_height(shape: Sequence[int]) -> int:
  return round(_SHOWN * shape[1] / shape[2])


def _hover(
  name: str, shape: Sequence[int], sheet_height: int, columns: int
) -> HoverTool:
  tooltip = from_template(
    "image_tooltip.html.j2",
    sheet=name,
    width=_SHOWN,
    height=_shown_height(shape),
    columns=columns,
    rows=sheet_height // shape[1],
    is_small=shape[2] < _SHOWN / 2,
  )
  return HoverTool(limit=1, tooltips=tooltip)
