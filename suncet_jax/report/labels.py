"""Text in pictures: names at curves, legends, text taken literally."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from suncet_jax.report.figures import FONT_SIZE, INK

# Heights of a line of text and of the axes in a figure, roughly.
_LINE_INCHES = 1.4 * FONT_SIZE / 72
_AXES_SHARE = 0.75


def label_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
  """Writes names beside the ends of curves, pushed apart where they collide.

  Call it after all curves are drawn: it fixes the limits of the axes.

  Args:
    axes: where the curves are.
    ends: per curve the height of its end, its name and its colour.
  """
  low, high = axes.get_ylim()
  axes.set_ylim(low, high)
  figure = axes.get_figure(root=True)
  inches = figure.get_size_inches()[1] if figure else 1.0
  gap = _LINE_INCHES / (inches * _AXES_SHARE)
  next_free = -np.inf
  for end, name, colour in sorted(ends):
    height = max((end - low) / (high - low), next_free)
    next_free = height + gap
    axes.annotate(
      name,
      (1.0, height),
      xycoords="axes fraction",
      xytext=(5, 0),
      textcoords="offset points",
      va="center",
      color=colour,
      fontsize=FONT_SIZE,
      parse_math=False,
    )


def add_legend(
  figure: Figure,
  names: Sequence[str],
  colours: Sequence[str],
  place: str,
  columns: int = 1,
) -> None:
  """Adds a legend of coloured dots.

  Args:
    figure: where to add it, outside of the axes.
    names: the names, taken literally.
    colours: one colour per name.
    place: where, e.g. "outside upper center".
    columns: number of columns.
  """
  handles = [
    Line2D([], [], color=colour, marker="o", linestyle="", markersize=6)
    for colour in colours
  ]
  look: dict[str, Any] = {
    "loc": place,
    "ncols": columns,
    "frameon": False,
    "fontsize": FONT_SIZE,
    "labelcolor": INK,
    "handletextpad": 0.2,
  }
  legend = figure.legend(handles, ["?"] * len(handles), **look)
  # Given to legend(), `$` would start mathematics and a leading underscore
  # would drop the entry.
  for text, name in zip(legend.get_texts(), names, strict=True):
    set_literal(text, name, limit=26)


def set_literal(text: Text, content: str, limit: int) -> None:
  """Sets a text as it is, not as mathematics, cut to `limit` characters."""
  text.set_parse_math(False)
  text.set_text(shorten(content, limit))


def shorten(text: str, limit: int) -> str:
  """Cuts a text to `limit` characters and shows that it is cut."""
  return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def class_name(label: int, class_names: Sequence[str]) -> str:
  """Returns the name of a class; its number where it has no name."""
  if label < 0:
    return "unlabelled"
  if label < len(class_names):
    return str(class_names[label])
  return str(label)
