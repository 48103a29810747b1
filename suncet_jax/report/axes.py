"""Axes of curves: frame, units, number formats."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
  FuncFormatter,
  LogLocator,
  MaxNLocator,
  NullFormatter,
  PercentFormatter,
)

from suncet_jax.report.figures import FAINT, FONT_SIZE, GRID, INK

AXIS_LABELS = {
  "epoch": "epochs",
  "step": "steps",
  "images_seen": "images processed",
}
# A curve with fewer points than this also shows where they are.
_MARKED_POINTS = 40


def style_axes(axes: Axes, title: str, x: str, y_label: str = "") -> None:
  """Gives curves their frame: title, named axes, light grid.

  Args:
    axes: where the curves are.
    title: what is drawn.
    x: column of the horizontal axis, a key of `AXIS_LABELS`.
    y_label: unit of the vertical axis.
  """
  axes.set_title(title, loc="left", fontsize=FONT_SIZE + 1, color=INK)
  axes.set_xlabel(AXIS_LABELS[x], fontsize=FONT_SIZE, color=INK)
  axes.set_ylabel(y_label, fontsize=FONT_SIZE, color=INK)
  axes.tick_params(which="both", length=0)
  axes.tick_params(labelsize=FONT_SIZE - 1, labelcolor=INK)
  axes.grid(color=GRID, linewidth=0.8)
  axes.set_axisbelow(True)
  axes.spines[["top", "right", "left"]].set_visible(False)
  axes.spines["bottom"].set_color(FAINT)
  axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
  axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short_count(v)))


def percent_axis(axes: Axes) -> None:
  """Shows fractions as percent on the vertical axis."""
  axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))


def count_axis(axes: Axes) -> None:
  """Shows large numbers briefly on the vertical axis."""
  axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: short_count(v)))


def log_axis(axes: Axes) -> None:
  """Makes the vertical axis logarithmic, with plain numbers."""
  axes.set_yscale("log")
  axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
  axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: short_count(v)))
  axes.yaxis.set_minor_formatter(NullFormatter())


def short_count(value: float) -> str:
  """Writes a number briefly: 0, 0.25, 500, 12k, 1.25M, 3B.

  Args:
    value: any finite number.

  Returns:
    At most four significant digits and a unit.
  """
  for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
    if abs(value) >= size:
      return f"{value / size:.4g}{unit}"
  return f"{value:.4g}"


def draw_curve(
  axes: Axes,
  points: tuple[np.ndarray, np.ndarray],
  colour: str,
  width: float = 1.8,
) -> None:
  """Draws one curve; a short one with its points.

  Args:
    axes: where to draw.
    points: [n] horizontal and [n] vertical positions.
    colour: colour of line and points.
    width: width of the line in points.
  """
  marker = "o" if len(points[0]) < _MARKED_POINTS else ""
  axes.plot(*points, color=colour, lw=width, marker=marker, markersize=3.5)
