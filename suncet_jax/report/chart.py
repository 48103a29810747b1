"""Interactive curves: one line per run, mean and spread per setting.

The script of the page draws them with Bokeh, colours them for light and dark
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

COLORS = 18  # colours of page.css, --c0 to --c17
_HEIGHT = 270  # pixels
_TOOLS = "pan,box_zoom,wheel_zoom,reset,save"
# A curve with fewer points than this gets a mark at each point.
MARKED_POINTS = 40
# Noisy curves with at least this many points get a running mean.
_SMOOTHED_POINTS = 120
# Ratio of largest to smallest value from which an axis is logarithmic.
_LOG_RATIO = 10.0


@dataclasses.dataclass(frozen=True)
class Drawing(Part):
  """A figure that the script of the page draws with Bokeh.

  Attributes:
    data: Figure as JSON of Bokeh.
    height: Height of the figure in pixels.
    words: Figure in words, for screen readers.
  """

  data: Mapping[str, Any]
  height: int
  words: str
  template = "drawing.html.j2"


@dataclasses.dataclass(frozen=True)
class Chart(Part):
  """A drawing below its title; the drawing is None without data."""

  title: str
  drawing: Drawing | None
  template = "chart.html.j2"


@dataclasses.dataclass(frozen=True)
class ChartGroup(Part):
  """Charts side by side with a common legend and choice of axis.

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
  """Returns an interactive diagram.

  A name with several runs is drawn as their mean with a band of one sample
  standard deviation, and a thin line per run.

  Args:
    title: Title of the diagram.
    axes: Curves by label of the horizontal axis ("epochs", "images processed")
      and by name, one (x [n], y [n]) per run. The first axis is shown;
      `ChartGroup` has buttons for the others.
    y_label: Unit of the values.
    kind: Kind of the values: "number", "percent" (fractions, shown as percent)
      or "log" (logarithmic if they span more than a factor of ten).
    smooth: Whether long curves are noisy: they get a running mean, with the
      values behind it.
    colors: Colours of page.css by name; None: those of `color_names`.
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
  """Returns a colour of page.css for each name: "c0" to "c17", in order."""
  return {name: f"c{place % COLORS}" for place, name in enumerate(names)}


def drawing(plot: figure, words: str) -> Drawing:
  """Returns a Bokeh figure as a part of a page.

  Args:
    plot: Figure; a glyph named "c0" to "c17" or "other" gets that colour of
      page.css.
    words: Figure in words, for screen readers.
  """
  plot.update(
    background_fill_color=None, border_fill_color=None, outline_line_color=None
  )
  return Drawing(json_item(plot), plot.height, words)


def short_axis() -> CustomJSTickFormatter:
  """Returns a formatter of large numbers: 12k, 1.25M."""
  return CustomJSTickFormatter(code="short")


def _drawn(series: Series) -> dict[str, list[Curve]]:
  """Returns the finite curves; names without any are left out."""
  finite = {
    name: [c for c in map(finite_curve, runs) if c[0].size]
    for name, runs in series.items()
  }
  return {name: runs for name, runs in finite.items() if runs}


def empty_figure(height: int, **settings: Any) -> figure:
  """Returns a figure as wide as the page, with tools to zoom.

  Args:
    height: Height in pixels.
    **settings: Further settings of Bokeh's `figure`.
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
  """Draws the runs of one name; returns the glyphs that the pointer selects."""
  # All glyphs carry the name, by which buttons of the page find them.
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
  # Invisible and wider than the line, so that pointing need not be exact.
  return draw(Scatter(size=16, fill_alpha=0.0, line_alpha=0.0), source)


def _lines(by_axis: Mapping[str, Sequence[Curve]]) -> ColumnDataSource:
  """Returns columns x, y ... of the first axis, and "x:axis" ... of each.

  Axes may differ in their number of points: short columns end with NaN.
  """
  # The script of the page copies the columns of the chosen axis to x, y ...
  tables = {}
  has_band = any(len(runs) > 1 for runs in by_axis.values())
  for axis, runs in by_axis.items():
    x, y, deviation, _ = mean_and_spread([thinned(curve) for curve in runs])
    # The column is there for one run too: Bokeh shows ??? for a missing one.
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
  # No code, which a page may forbid to make functions of, but the names of
  # functions that its script has.
  is_percent = kind == "percent"
  shown = {
    "@x": "short",
    "@y": "percent" if is_percent else "short",
    "@spread": "spreadPercent" if is_percent else "spread",
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
  """Returns a sentence with the final values of the curves."""
  ends = []
  for name, runs in series.items():
    end = float(np.mean([y[-1] for _, y in runs]))
    text = f"{100 * end:.1f} %" if kind == "percent" else f"{end:.4g}"
    ends.append(f"{name} ends at {text}")
  return f"{title}: {', '.join(ends)}."
