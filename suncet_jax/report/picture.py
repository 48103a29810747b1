"""Curves as a PNG file, for documents; `chart.curves` draws them in a page."""

import functools
import importlib.resources
import io
import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from suncet_jax.report.chart import MARKED_POINTS, Series, color_names
from suncet_jax.report.spread import Curve, mean_and_spread
from suncet_jax.report.wording import short

_INCHES = (4.4, 3.4)  # size of one panel
_DOTS_PER_INCH = 160
_LINES = 5  # in a panel; more cannot be told apart
_LONGEST = 36  # characters of a name
_INK, _SOFT, _GRID = "#1d2228", "#5a636e", "#dde2e8"


def curves_png(
  title: str,
  axes: Mapping[str, Series],
  *,
  y_label: str = "",
  kind: str = "number",
) -> bytes:
  """Draws mean curves, one panel per horizontal axis; more rows for many names.

  A bar at the end of a mean is the sample standard deviation over its runs.

  Args:
    title: Title above the panels.
    axes: Curves by axis and name, as for `chart.curves`; all axes are shown.
    y_label: Unit of the values.
    kind: Kind of the values: "number", "percent" (fractions, shown as percent)
      or "log".

  Returns:
    Content of the file; the same data give the same bytes.
  """
  names = list(dict.fromkeys(n for series in axes.values() for n in series))
  starts = range(0, max(1, len(names)), _LINES)
  rows = [names[start : start + _LINES] for start in starts]
  width, height = _INCHES
  size = (width * len(axes), height * len(rows))
  figure = Figure(size, _DOTS_PER_INCH, layout="constrained")
  parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
  above: np.ndarray | None = None
  for part, shown in zip(parts, rows, strict=True):
    panels = _row(part, axes, shown, kind)
    panels[0].set_ylabel(y_label, color=_INK)
    if above is None:
      panels[0].set_title(title, loc="left", color=_INK, parse_math=False)
    else:
      panels[0].sharey(above[0])
      for panel, first in zip(panels, above, strict=True):
        panel.sharex(first)
    above = panels if above is None else above
  return content_of(figure)


def content_of(figure: Figure) -> bytes:
  """Returns a figure as a PNG file; the same data give the same bytes."""
  FigureCanvasAgg(figure)
  buffer = io.BytesIO()
  # Leaves out the version of matplotlib.
  figure.savefig(buffer, format="png", metadata={"Software": None})
  return buffer.getvalue()


def _row(
  figure: SubFigure, axes: Mapping[str, Series], names: Sequence[str], kind: str
) -> np.ndarray:
  """Draws the curves of some names; returns the panels, one for each axis."""
  panels: np.ndarray = figure.subplots(
    1, len(axes), sharey=True, squeeze=False
  )[0]
  colors = color_names(names)
  legend: dict[str, tuple[str, Artist]] = {}
  for panel, (label, series) in zip(panels, axes.items(), strict=True):
    for name in filter(series.__contains__, names):
      runs = series[name]
      text = _cut(name) + (f" ({len(runs)} runs)" if len(runs) > 1 else "")
      legend[name] = text, _draw(panel, runs, _palette()[colors[name]])
    frame(panel, label, kind)
  _add_legend(figure, list(legend.values()))
  return panels


def _cut(name: str) -> str:
  """Returns the beginning of a name that lists many fields."""
  return name if len(name) <= _LONGEST else name[: _LONGEST - 3] + "..."


def _draw(panel: Axes, runs: Sequence[Curve], color: str) -> Artist:
  x, mean, deviation, _ = mean_and_spread(runs)
  if len(runs) > 1 and len(x):
    panel.errorbar(
      x[-1], mean[-1], deviation[-1], color=color, lw=1.2, capsize=3
    )
  marker = "o" if len(x) < MARKED_POINTS else ""
  return panel.plot(x, mean, color=color, lw=1.8, marker=marker, ms=3.5)[0]


def frame(panel: Axes, x_label: str, kind: str = "number") -> None:
  """Draws what surrounds curves.

  Args:
    panel: Panel of a figure.
    x_label: Label of the horizontal axis.
    kind: Kind of the values, as for `curves_png`.
  """
  panel.set_xlabel(x_label, color=_INK)
  panel.tick_params(which="both", length=0, labelcolor=_SOFT)
  panel.grid(color=_GRID, linewidth=0.8)
  panel.set_axisbelow(True)
  panel.spines[["top", "right", "left"]].set_visible(False)
  panel.spines["bottom"].set_color(_GRID)
  panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short(v)))
  if kind == "percent":
    panel.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
  elif kind == "log":
    panel.set_yscale("log")


def _add_legend(
  figure: SubFigure, entries: Sequence[tuple[str, Artist]]
) -> None:
  if not entries:
    return
  legend = figure.legend(
    [artist for _, artist in entries],
    ["?"] * len(entries),
    loc="outside lower center",
    ncols=3,
    frameon=False,
  )
  # The texts are not given to legend(), since there "$" starts mathematics and
  # a leading underscore drops the entry.
  for label, (text, _) in zip(legend.get_texts(), entries, strict=True):
    label.set_parse_math(False)
    label.set_text(text)


@functools.cache
def _palette() -> dict[str, str]:
  """Returns the colours of the light page by name."""
  folder = importlib.resources.files("suncet_jax.report")
  text = (folder / "page.css").read_text(encoding="utf-8")
  light = text[: text.index("@media")]
  return dict(re.findall(r"--(c\d+|other): (#\w+);", light))
