"""The comparison of several runs: a page and its picture."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from etils import epath
from matplotlib.figure import Figure

from suncet_jax.data import storage
from suncet_jax.report import markup
from suncet_jax.report.axes import draw_curve, percent_axis, style_axes
from suncet_jax.report.figures import (
  LINE_COLOURS,
  MAX_COLOURS,
  class_colours,
  new_figure,
  to_png,
)
from suncet_jax.report.history import curve, last_value
from suncet_jax.report.labels import add_legend
from suncet_jax.report.run_tables import mean_table, run_table
from suncet_jax.report.runs import Run, read_runs

_KNN = "val_knn_top1"
_TITLE = "Comparison of runs"
_CAPTION = (
  "kNN accuracy on validation images, one thin line per run, one colour per "
  "method. Methods process different numbers of images per epoch: compare "
  "equal effort on the right."
)


def write_comparison(
  runs: Sequence[epath.PathLike], out: epath.PathLike
) -> epath.Path:
  """Writes a page that compares runs, and its picture beside it.

  Args:
    runs: folders of finished or running runs, each with a `metrics.csv`.
    out: the page, `*.html`; the picture has the same name with `.png`.

  Returns:
    `out`.

  Raises:
    ValueError: if `out` is not an HTML file, or a folder is not a run.
  """
  out = epath.Path(out)
  if out.suffix != ".html":
    raise ValueError(f"the page must be named *.html, got {out}")
  known = read_runs([epath.Path(folder) for folder in runs])
  colours = _group_colours(known)
  parts = [
    markup.section("Accuracy", _picture(known, colours, out)),
    markup.section("Results", run_table(known, colours)),
  ]
  means = mean_table(known, colours)
  if means:
    parts.append(markup.section("Means over runs", means))
  storage.write(out, markup.page(_TITLE, parts).encode("utf-8"))
  return out


def draw_comparison(
  runs: Sequence[Run], colours: Mapping[str, str]
) -> Figure | None:
  """Draws the kNN accuracy of runs against epochs and images processed.

  Args:
    runs: the runs; those without kNN accuracy are left out.
    colours: from group to colour.

  Returns:
    The figure, or None if no run has a kNN accuracy.
  """
  drawn = [run for run in runs if last_value(run.history, _KNN) is not None]
  if not drawn:
    return None
  figure = new_figure(3.9)
  for place, x in enumerate(("epoch", "images_seen")):
    axes = figure.add_subplot(1, 2, place + 1)
    for run in drawn:
      points = curve(run.history, x, _KNN)
      draw_curve(axes, points, colours[run.group], width=1.2)
    style_axes(axes, "" if place else "kNN accuracy, validation images", x)
    percent_axis(axes)
  counts = Counter(run.group for run in drawn)
  names = [
    f"{name} ({n} runs)" if n > 1 else name for name, n in counts.items()
  ]
  shades = [colours[name] for name in counts]
  add_legend(figure, names, shades, "outside upper left", columns=3)
  return figure


def _group_colours(runs: Sequence[Run]) -> dict[str, str]:
  groups = list(dict.fromkeys(run.group for run in runs))
  palette: Sequence[str] = LINE_COLOURS
  if len(groups) > len(palette):
    palette = class_colours(MAX_COLOURS)
  return dict(zip(groups, itertools.cycle(palette), strict=False))


def _picture(
  runs: Sequence[Run], colours: Mapping[str, str], out: epath.Path
) -> str:
  path = out.with_suffix(".png")
  figure = draw_comparison(runs, colours)
  if figure is None:
    path.unlink(missing_ok=True)
    sentence = "No run has a kNN accuracy in its history."
    return markup.paragraph(sentence, is_soft=True)
  png = to_png(figure)
  storage.write(path, png)
  return markup.picture(png, "accuracy of all runs", _CAPTION)
