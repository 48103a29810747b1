"""The map of embeddings, on which the pointer shows the image."""

import html
from collections.abc import Sequence

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Scatter
from bokeh.plotting import figure

from suncet_jax.report.chart import (
  COLOURS,
  chart_group,
  colour_names,
  embedded,
  empty_figure,
  tooltip,
)
from suncet_jax.report.data import ReportData
from suncet_jax.report.images import address, sheet

_HEIGHT = 540  # pixels
_SHOWN = 96  # pixels, size of an image beside the pointer


def embedding_chart(data: ReportData, name: str) -> str:
  """Returns the map of a run's test images.

  With more classes than colours the most frequent get a colour each and the
  rest are grey.

  Args:
    data: of the run.
    name: unique among the maps of a page: letters and digits.

  Returns:
    HTML; empty if there is nothing to show.
  """
  if not data.mapped.size:
    return ""
  labels = data.labels[data.mapped]
  shown = _frequent_classes(labels)
  names = [data.class_name(label) for label in shown]
  colours = colour_names(names)
  plot = _empty_map()
  whole, columns = sheet(data.thumbnails)
  for label in shown:
    _draw(plot, data, labels == label, colours[data.class_name(label)], columns)
  is_other = ~np.isin(labels, shown)
  if is_other.any():
    names.append("other classes")
    colours["other classes"] = "other"
    _draw(plot, data, is_other, "other", columns, "other classes")
  plot.add_tools(_hover(name, data.thumbnails.shape, len(whole), columns))
  words = f"Map of {len(labels)} test images of {len(set(labels))} classes."
  box = f'<div class="chart-box map">{embedded(plot, words)}</div>'
  images = (
    f'<script type="text/plain" data-sheet="{html.escape(name)}">'
    f"{address(whole)}</script>"
  )
  return chart_group([box], names, [], colours) + images


def _frequent_classes(labels: np.ndarray) -> list[int]:
  """Returns the most frequent classes, in the order of their numbers."""
  classes, counts = np.unique(labels[labels >= 0], return_counts=True)
  order = np.argsort(-counts, kind="stable")[:COLOURS]
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
  colour: str,
  columns: int,
  name: str | None = None,
) -> None:
  """Draws the points of one class; those taken for another are crosses."""
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
  glyph = Scatter(name=colour, marker="marker", size=7)
  glyph.update(fill_alpha=0.75, line_alpha=0.9, line_width=1.5)
  plot.add_glyph(source, glyph, name=name or names[0])


def _shown_height(shape: Sequence[int]) -> int:
  return round(_SHOWN * shape[1] / shape[2])


def _hover(
  name: str, shape: Sequence[int], sheet_height: int, columns: int
) -> HoverTool:
  rows = sheet_height // shape[1]
  height = _shown_height(shape)
  picture = (
    f"width: {_SHOWN}px; height: {height}px; image-rendering: "
    f"{'pixelated' if shape[2] < _SHOWN / 2 else 'auto'}; "
    f"background: var(--{name}) -@{{left}}px -@{{top}}px / "
    f"{_SHOWN * columns}px {height * rows}px"
  )
  return HoverTool(
    limit=1,
    tooltips=tooltip(
      f'<div style="{picture}"></div><b>@label</b><br>taken for @predicted'
    ),
  )
