"""Curves as a PNG file, for documents; `chart.curves` draws them in a page."""

import functools
import importlib.resources
import io
import re
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from suncet_jax.report.chart import MARKED_POINTS, Series, color_names
from suncet_jax.report.spread import Curve, finite_curve, mean_and_spread
from suncet_jax.report.wording import short

_INCHES = (4.4, 3.4)  # size of one panel
_DOTS_PER_INCH = 160
_INK, _SOFT, _GRID = "#1d2228", "#5a636e", "#dde2e8"


def curves_png(
  title: str,
  axes: Mapping[str, Series],
  *,
  y_label: str = "",
  kind: str = "number",
  colors: Mapping[str, str] | None = None,
  doubles: bool = False,
) -> bytes:
  """Draws curves, one panel per horizontal axis, mean and spread over runs.

  Args:
    title: Title above the panels.
    axes: Curves by axis and name, as for `chart.curves`; all axes are shown.
    y_label: Unit of the values.
    kind: Kind of the values: "number", "percent" (fractions, shown as percent)
      or "log".
    colors: Colours by name, as for `chart.curves`.
    doubles: Whether the horizontal axes are logarithmic, marked at powers of 2.

  Returns:
    Content of the file; the same data give the same bytes.
  """
  names = list(dict.fromkeys(n for series in axes.values() for n in series))
  colors = colors or color_names(names)
  width, height = _INCHES
  figure = Figure((width * len(axes), height), _DOTS_PER_INCH)
  FigureCanvasAgg(figure)
  figure.set_layout_engine("constrained")
  panels = figure.subplots(1, len(axes), sharey=True, squeeze=False)[0]
  legend: dict[str, Artist] = {}
  for panel, (label, series) in zip(panels, axes.items(), strict=True):
    for name, runs in series.items():
      text = f"{name} ({len(runs)} runs)" if len(runs) > 1 else name
      legend[text] = _draw(panel, runs, _palette()[colors[name]])
    _frame(panel, label, kind)
    if doubles:
      panel.set_xscale("log", base=2)
      panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short(v)))
  panels[0].set_ylabel(y_label, color=_INK)
  panels[0].set_title(title, loc="left", color=_INK, parse_math=False)
  _add_legend(figure, legend)
  buffer = io.BytesIO()
  # Leaves out the version of matplotlib: the same data give the same bytes.
  figure.savefig(buffer, format="png", metadata={"Software": None})
  return buffer.getvalue()


def _draw(panel: Axes, runs: Sequence[Curve], color: str) -> Artist:
  for run in runs if len(runs) > 1 else ():
    panel.plot(*finite_curve(run), color=color, lw=0.7, alpha=0.35)
  x, mean, deviation, _ = mean_and_spread(runs)
  low, high = mean - deviation, mean + deviation
  panel.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
  marker = "o" if len(x) < MARKED_POINTS else ""
  return panel.plot(x, mean, color=color, lw=1.8, marker=marker, ms=3.5)[0]


def _frame(panel: Axes, x_label: str, kind: str) -> None:
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


def _add_legend(figure: Figure, entries: Mapping[str, Artist]) -> None:
  if not entries:
    return
  legend = figure.legend(
    entries.values(),
    ["?"] * len(entries),
    loc="outside lower center",
    ncols=4,
    frameon=False,
  )
  # The texts are not given to legend(), since there "$" starts mathematics and
  # a leading underscore drops the entry.
  for label, text in zip(legend.get_texts(), entries, strict=True):
    label.set_parse_math(False)
    label.set_text(text)


@functools.cache
def _palette() -> dict[str, str]:
  """Returns the colours of the light page by name."""
  folder = importlib.resources.files("suncet_jax.report")
  text = (folder / "page.css").read_text(encoding="utf-8")
  light = text[: text.index("@media")]
  return dict(re.findall(r"--(c\d+|other): (#\w+);", light))
