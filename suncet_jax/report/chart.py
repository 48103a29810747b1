"""Interactive curves: one line per run, mean and spread per setting.

The page's own script draws them with Bokeh, colours them for light and dark
pages, and changes their horizontal axis.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.embed import json_item
from bokeh.models import (
  ColumnDataSource,
  CustomJSHover,
  CustomJSTickFormatter,
  Glyph,
  GlyphRenderer,
  HoverTool,
  Line,
  NumeralTickFormatter,
  Scatter,
  VArea,
)
from bokeh.plotting import figure

from suncet_jax.report.page import Part, from_template
from suncet_jax.report.spread import (
  Curve,
  finite_curve,
  mean_and_spread,
  running_mean,
  thinned,
)

Series = Mapping[str, Sequence[Curve]]

COLORS = 18  # of page.css, --c0 to --c17
_HEIGHT = 270  # pixels
_TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
# A curve with fewer points than this also shows where they are.
MARKED_POINTS = 40
# From this many points on, noisy curves are smoothed over a fortieth of them.
_SMOOTHED_POINTS = 120
# A logarithmic axis pays from this ratio of largest to smallest value on.
_LOG_RATIO = 10.0
_SHORT = "return suncet.short(tick)"


@dataclasses.dataclass(frozen=True)
class Drawing(Part):
  """A figure that the page's script draws with Bokeh.

  Attributes:
    data: Figure as Bokeh reads it.
    height: Height of the figure in pixels.
    words: Figure in words, for those who cannot see it.
  """

  data: Mapping[str, Any]
  height: int
  words: str
  template = "drawing.html.j2"


@dataclasses.dataclass(frozen=True)
class Chart(Part):
  """A drawing below its title; None where there is nothing to draw."""

  title: str
  drawing: Drawing | None
  template = "chart.html.j2"


@dataclasses.dataclass(frozen=True)
class ChartGroup(Part):
  """Charts side by side, under one legend and one choice of axis.

  Attributes:
    charts: Charts of the group.
    colors: Colours of page.css by the names of the curves. Each name becomes
      a button that hides and shows its curves; one name alone needs none.
    axes: Labels of the horizontal axes to choose from, as given to `curves`.
  """

  charts: Sequence[Chart]
  colors: Mapping[str, str]
  axes: Sequence[str]
  template = "chart_group.html.j2"


def curves(
  title: str,
  axes: Mapping[str, Series],
  *,
  y_label: str = "",
  kind: str = "number",
  smooth: bool = False,
  colors: Mapping[str, str] | None = None,
) -> Chart:
  """Returns a diagram to zoom and to point at.

  A name with several runs is drawn as their mean with a band of one sample
  standard deviation, and a thin line per run.

  Args:
    title: what is drawn.
    axes: from the label of a horizontal axis ("epochs", "images processed") to
      the curves against it, by name, one (x [n], y [n]) per run. The first
      axis is shown; `ChartGroup` has buttons for the others.
    y_label: unit of the values.
    kind: of the values: "number", "percent" (fractions, shown as percent) or
      "log" (logarithmic where they span more than a factor of ten).
    smooth: whether long curves are noisy: they get a running mean, with the
      values behind it.
    colors: from name to a colour of page.css, as `color_names` gives them.
  """
  axes = {label: _drawn(series) for label, series in axes.items()}
  axes = {label: series for label, series in axes.items() if series}
  if not axes:
    return Chart(title, None)
  names = list(
    dict.fromkeys(name for series in axes.values() for name in series)
  )
  colors = colors or color_names(names)
  first = next(iter(axes))
  plot = _figure(first, y_label, kind, axes[first])
  hovered = []
  for name in names:
    by_axis = {x: series[name] for x, series in axes.items() if name in series}
    hovered.append(_draw(plot, name, by_axis, colors[name], smooth))
  _add_hover(plot, hovered, kind)
  words = _in_words(title, axes[first], kind)
  return Chart(title, drawing(plot, words))


def color_names(names: Sequence[str]) -> dict[str, str]:
  """Returns a colour of page.css per name: "c0" to "c17", in their order."""
  return {name: f"c{place % COLORS}" for place, name in enumerate(names)}


def drawing(plot: figure, words: str) -> Drawing:
  """Returns a Bokeh figure as a part of a page.

  Args:
    plot: the figure; a glyph named c0 to c17 or other takes that colour of the
      page.
    words: the figure in words, for those who cannot see it.
  """
  plot.update(
    background_fill_color=None, border_fill_color=None, outline_line_color=None
  )
  return Drawing(json_item(plot), plot.height, words)


def short_axis() -> CustomJSTickFormatter:
  """Returns a formatter of large numbers: 12k, 1.25M."""
  return CustomJSTickFormatter(code=_SHORT)


def _drawn(series: Series) -> dict[str, list[Curve]]:
  """Returns finite curves of those names that have any."""
  finite = {
    name: [c for c in map(finite_curve, runs) if c[0].size]
    for name, runs in series.items()
  }
  return {name: runs for name, runs in finite.items() if runs}


def empty_figure(height: int, **settings: Any) -> figure:
  """Returns a figure as wide as the page, with tools to zoom.

  Args:
    height: in pixels.
    **settings: further ones of Bokeh's `figure`.
  """
  plot = figure(
    height=height,
    sizing_mode="stretch_width",
    tools=_TOOLS,
    toolbar_location="above",
    active_drag="box_zoom",
    active_scroll=None,
    **settings,
  )
  plot.toolbar.logo = None
  plot.toolbar.autohide = True
  return plot


def _figure(x_label: str, y_label: str, kind: str, series: Series) -> figure:
  plot = empty_figure(
    _HEIGHT,
    x_axis_label=x_label,
    y_axis_label=y_label or None,
    y_axis_type="log" if kind == "log" and _spans_much(series) else "linear",
  )
  for data_range in (plot.x_range, plot.y_range):
    data_range.only_visible = True
  plot.xaxis.formatter = short_axis()
  plot.yaxis.formatter = (
    NumeralTickFormatter(format="0.[0] %")
    if kind == "percent"
    else short_axis()
  )
  return plot


def _spans_much(series: Series) -> bool:
  values = np.concatenate([y for runs in series.values() for _, y in runs])
  return bool(values.min() > 0 and values.max() > _LOG_RATIO * values.min())


def _draw(
  plot: figure,
  name: str,
  by_axis: Mapping[str, Sequence[Curve]],
  color: str,
  smooth: bool,
) -> GlyphRenderer:
  """Draws the runs of one name; returns what the pointer meets.

  The page's buttons find all of it by its name.
  """
  count = max(len(runs) for runs in by_axis.values())
  is_noisy = smooth and any(
    len(x) >= _SMOOTHED_POINTS for runs in by_axis.values() for x, _ in runs
  )

  def draw(glyph: Glyph, source: ColumnDataSource) -> GlyphRenderer:
    return plot.add_glyph(source, glyph, name=name)

  if count > 1 or is_noisy:
    for run in range(count):
      thin = _lines({x: runs[run : run + 1] for x, runs in by_axis.items()})
      draw(Line(name=color, line_alpha=0.3), thin)
  if is_noisy:
    by_axis = {x: list(map(_smoothed, runs)) for x, runs in by_axis.items()}
  source = _lines(by_axis)
  if count > 1:
    draw(VArea(y1="low", y2="high", name=color, fill_alpha=0.15), source)
  draw(Line(name=color, line_width=2), source)
  if len(source.data["x"]) < MARKED_POINTS:
    draw(Scatter(name=color, size=5, line_alpha=0.0), source)
  # Wider than what is seen, so that a pointer need not be exact.
  return draw(Scatter(size=16, fill_alpha=0.0, line_alpha=0.0), source)


def _lines(by_axis: Mapping[str, Sequence[Curve]]) -> ColumnDataSource:
  """Returns columns x, y ... of the first axis, and "x:axis" ... of each.

  The page's script copies those of the axis that is chosen. Axes may differ
  in their number of points: short columns are filled up with NaN.
  """
  tables = {}
  has_band = any(len(runs) > 1 for runs in by_axis.values())
  for axis, runs in by_axis.items():
    x, y, deviation, _ = mean_and_spread([thinned(curve) for curve in runs])
    # Of one run there is no deviation, but Bokeh would write ??? for it.
    tables[axis] = {"x": x, "y": y, "spread": deviation}
    if has_band:
      tables[axis] |= {"low": y - deviation, "high": y + deviation}
  length = max(len(columns["x"]) for columns in tables.values())
  data: dict[str, np.ndarray] = {}
  for axis, columns in tables.items():
    for column, values in columns.items():
      missing = length - len(values)
      padded = np.pad(values, (0, missing), constant_values=np.nan)
      data[f"{column}:{axis}"] = padded.astype(np.float32)
      data.setdefault(column, data[f"{column}:{axis}"])
  return ColumnDataSource(data)


def _smoothed(curve: Curve) -> Curve:
  x, y = curve
  return x, running_mean(y, len(y) // 40 | 1)


def _add_hover(plot: figure, targets: list, kind: str) -> None:
  is_percent = kind == "percent"
  number = "suncet.percent(value)" if is_percent else "suncet.short(value)"
  shown = {
    "@x": "return suncet.short(value)",
    "@y": f"return {number}",
    "@spread": f"return value > 0 ? ' \\u00b1 ' + {number} : ''",
  }
  plot.add_tools(
    HoverTool(
      renderers=targets,
      limit=1,
      tooltips=from_template("curve_tooltip.html.j2"),
      formatters={
        column: CustomJSHover(code=code) for column, code in shown.items()
      },
    )
  )


def _in_words(title: str, series: Series, kind: str) -> str:
  """Says where the curves end."""
  ends = []
  for name, runs in series.items():
    end = float(np.mean([y[-1] for _, y in runs]))
    text = f"{100 * end:.1f} %" if kind == "percent" else f"{end:.4g}"
    ends.append(f"{name} ends at {text}")
  return f"{title}: {', '.join(ends)}."
