"""Pictures of the training history."""

import math
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from suncet_jax.report.axes import (
  count_axis,
  draw_curve,
  log_axis,
  percent_axis,
  style_axes,
)
from suncet_jax.report.figures import BLUE, FONT_SIZE, INK, RED, new_figure
from suncet_jax.report.history import History, curve, progress_axis
from suncet_jax.report.labels import label_ends

_LOSSES = (
  ("loss", "total", INK),
  ("ntxent", "NT-Xent", BLUE),
  ("suncet", "SuNCEt", RED),
  ("supcon", "SupCon", "#d98a1f"),
)
# From this many points on, losses are smoothed over a fortieth of them.
_SMOOTHED_POINTS = 120
# A logarithmic axis pays from this ratio of largest to smallest value on.
_LOG_RATIO = 10.0


class _Panel(NamedTuple):
  """One small diagram: a column of the history and how to show it."""

  column: str
  title: str
  kind: str = "number"  # or "percent", "count", "log"


_PANELS = (
  _Panel("learning_rate", "learning rate"),
  _Panel("contrastive_accuracy", "contrastive accuracy", "percent"),
  _Panel("gradient_norm", "norm of the gradient", "log"),
  _Panel("parameter_norm", "norm of the parameters", "log"),
  _Panel("alignment", "alignment (lower: views agree)"),
  _Panel("uniformity", "uniformity (lower: spread out)"),
  _Panel("rankme", "effective rank (RankMe)"),
  _Panel("images_per_second", "images per second", "count"),
)


def draw_losses(history: History) -> Figure | None:
  """Draws every loss of the history against training progress.

  Args:
    history: rows as `read_history` returns them.

  Returns:
    The figure, or None if the history has no loss.
  """
  names = {name for name, *_ in _LOSSES if _has(history, name)}
  if not names:
    return None
  if _is_one_loss(history, names):
    names.discard("loss")
  x = progress_axis(history, sorted(names)[0])
  figure = new_figure(3.6)
  axes = figure.add_subplot()
  ends = []
  for name, label, colour in _LOSSES:
    xs, ys = curve(history, x, name)
    if name in names and ys.size:
      ends.append((_draw_smoothed(axes, xs, ys, colour), label, colour))
  style_axes(axes, "training loss", x, "nats")
  label_ends(axes, ends)
  return figure


def draw_accuracy(history: History) -> Figure | None:
  """Draws the kNN accuracy against epochs and against images processed.

  Args:
    history: rows as `read_history` returns them.

  Returns:
    The figure, or None if the history has no kNN accuracy.
  """
  columns = [
    x
    for x in ("epoch", "images_seen")
    if curve(history, x, "val_knn_top1")[0].size
  ]
  if not columns:
    return None
  figure = new_figure(3.2)
  for place, x in enumerate(columns):
    axes = figure.add_subplot(1, len(columns), place + 1)
    xs, ys = curve(history, x, "val_knn_top1")
    draw_curve(axes, (xs, ys), BLUE)
    style_axes(axes, "kNN accuracy, validation images" if not place else "", x)
    percent_axis(axes)
  # Both panels end at the same value: one label is enough.
  label_ends(axes, [(ys[-1], f"{100 * ys[-1]:.1f} %", BLUE)])
  return figure


def draw_training(history: History) -> Figure | None:
  """Draws what else was watched: one small diagram per column.

  Args:
    history: rows as `read_history` returns them.

  Returns:
    The figure, or None if the history has none of the columns.
  """
  panels = [panel for panel in _PANELS if _has(history, panel.column)]
  if not panels:
    return None
  rows = math.ceil(len(panels) / 2)
  figure = new_figure(2.1 * rows + 0.2)
  for place, panel in enumerate(panels):
    axes = figure.add_subplot(rows, 2, place + 1)
    x = progress_axis(history, panel.column)
    _draw_panel(axes, panel, *curve(history, x, panel.column))
    style_axes(axes, panel.title, x)
    axes.title.set_fontsize(FONT_SIZE)
  return figure


def running_mean(values: np.ndarray, width: int) -> np.ndarray:
  """Smooths a curve; at its ends over the part of the window that exists.

  Args:
    values: [n] float.
    width: odd length of the window.

  Returns:
    [n] float64, the mean over the window around each value.
  """
  half = width // 2
  sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
  centre = np.arange(len(values))
  first = np.maximum(centre - half, 0)
  end = np.minimum(centre + half + 1, len(values))
  return (sums[end] - sums[first]) / (end - first)


def _has(history: History, name: str) -> bool:
  return bool(curve(history, progress_axis(history, name), name)[0].size)


def _is_one_loss(history: History, names: set[str]) -> bool:
  """Says whether the total is nothing but the one other loss."""
  if "loss" not in names or len(names) != 2:
    return False
  (other,) = names - {"loss"}
  x = progress_axis(history, other)
  total, part = curve(history, x, "loss")[1], curve(history, x, other)[1]
  return total.shape == part.shape and np.allclose(total, part)


def _draw_smoothed(
  axes: Axes, xs: np.ndarray, ys: np.ndarray, colour: str
) -> float:
  """Draws a curve, a long one faintly behind its mean; returns its end."""
  if len(ys) >= _SMOOTHED_POINTS:
    axes.plot(xs, ys, color=colour, linewidth=0.8, alpha=0.25)
    ys = running_mean(ys, len(ys) // 40 | 1)
  draw_curve(axes, (xs, ys), colour)
  return float(ys[-1])


def _draw_panel(
  axes: Axes, panel: _Panel, xs: np.ndarray, ys: np.ndarray
) -> None:
  draw_curve(axes, (xs, ys), BLUE, width=1.4)
  if panel.kind == "percent":
    percent_axis(axes)
  elif panel.kind == "count":
    axes.set_ylim(bottom=0)
    count_axis(axes)
  elif (
    panel.kind == "log"
    and ys.min() > 0
    and np.ptp(np.log(ys)) > np.log(_LOG_RATIO)
  ):
    log_axis(axes)
