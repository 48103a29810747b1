"""Picture of a learning curve and of what it foretells."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from suncet_jax.labels.curve import Curve
from suncet_jax.labels.power_law import Fit
from suncet_jax.report.picture import content_of, frame
from suncet_jax.report.wording import short

_INCHES = (5.6, 3.6)
_DOTS_PER_INCH = 160
_MEASURED, _LAW = "#1f5fa8", "#b5442e"
_POINTS = 60  # of the law


def curve_png(measured: Curve, fit: Fit | None, by: str, times: int) -> bytes:
  """Returns a PNG file: means with a bar of one standard deviation, the law.

  Args:
    measured: Measured curve.
    fit: Power law through it, if there is one.
    by: Name of the classifier.
    times: How many times the labels that are there the law is drawn to.
  """
  figure = Figure(_INCHES, _DOTS_PER_INCH, layout="constrained")
  panel = figure.subplots()
  if fit is not None:
    ends = measured.counts[0], times * measured.counts[-1]
    _draw_law(panel, fit, np.geomspace(*ends, _POINTS))
  draws = measured.accuracies
  panel.errorbar(
    measured.counts,
    draws.mean(axis=0),
    draws.std(axis=0, ddof=min(1, len(draws) - 1)),
    color=_MEASURED,
    marker="o",
    ms=4,
    lw=1.8,
    capsize=3,
    label=f"{by}, {len(draws)} draws",
  )
  panel.set_xscale("log", base=2)
  frame(panel, "labels per class", "percent")
  panel.xaxis.set_major_formatter(FuncFormatter(lambda v, _: short(v)))
  panel.set_ylabel("test accuracy")
  panel.legend(frameon=False, loc="lower right")
  return content_of(figure)


def _draw_law(panel: Axes, fit: Fit, counts: np.ndarray) -> None:
  """Draws the power law, with the interval of resampled draws around it."""
  told = np.array([fit.accuracy(count) for count in counts]).T
  value, low, high = np.minimum(told, 1.0)
  panel.fill_between(counts, low, high, color=_LAW, alpha=0.18, lw=0)
  panel.plot(counts, value, color=_LAW, lw=1.4, ls="--", label="power law")
