"""Figures and their colours.

Everything is set on the figure's own objects: neither pyplot nor rcParams, so
that a program which draws its own pictures is not disturbed.
"""

import io

from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

MAX_COLOURS = 18
WIDTH = 7.4  # inches; with FONT_SIZE still readable at the width of a phone
FONT_SIZE = 10.0  # points
DOTS_PER_INCH = 160
INK = "#2b2f36"
FAINT = "#8a9099"
GRID = "#e3e6ea"
BLUE, RED, GREEN = "#2563a8", "#c43d3d", "#23875a"
LINE_COLOURS = (BLUE, RED, GREEN, "#d98a1f", "#7a4fb5", "#4c5a6b", "#c2559d")


def new_figure(height: float) -> Figure:
  """Returns an empty figure of full width, `height` inches high."""
  figure = bare_figure(WIDTH, height)
  figure.set_layout_engine("constrained")
  return figure


def bare_figure(width: float, height: float) -> Figure:
  """Returns an empty figure of a size in inches, to be laid out by hand."""
  figure = Figure((width, height), DOTS_PER_INCH)
  FigureCanvasAgg(figure)
  return figure


def to_png(figure: Figure) -> bytes:
  """Returns the figure as the bytes of a PNG file."""
  buffer = io.BytesIO()
  # Without the version of matplotlib in it, the same data is the same file.
  figure.savefig(buffer, format="png", metadata={"Software": None})
  return buffer.getvalue()


def class_colours(count: int) -> list[str]:
  """Returns `count` colours, at most `MAX_COLOURS`, easy to tell apart."""
  if count <= 10:
    return [to_hex(colormaps["tab10"](place)) for place in range(count)]
  # The two greys of tab20 are left to what has no colour of its own.
  places = [place for place in range(20) if place not in (14, 15)]
  return [to_hex(colormaps["tab20"](place)) for place in places[:count]]
