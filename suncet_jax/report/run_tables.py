"""Tables of the results of several runs."""

import statistics
from collections.abc import Mapping, Sequence

from suncet_jax.report import markup, wording
from suncet_jax.report.history import last_value
from suncet_jax.report.runs import Run

_HEADER = ("run", "method", "epochs", "images", "time", "kNN, validation")


def run_table(runs: Sequence[Run], colours: Mapping[str, str]) -> str:
  """Returns a table with one row per run.

  Args:
    runs: the runs.
    colours: from group to the colour of its curves.

  Returns:
    HTML: how far the run is, the last kNN accuracy of its history, and its
    final accuracies where it has them.
  """
  names = wording.metric_names([run.result for run in runs])
  header = [*_HEADER, *(wording.metric_label(name) for name in names)]
  return markup.table(header, [_run_row(run, names, colours) for run in runs])


def _run_row(
  run: Run, names: Sequence[str], colours: Mapping[str, str]
) -> list[str]:
  result, history = run.result, run.history
  metrics = wording.metrics_of(result)
  epochs = result.get("epochs", last_value(history, "epoch"))
  images = result.get("images_seen", last_value(history, "images_seen"))
  numbers = [
    wording.count(epochs),
    wording.count(images),
    wording.duration(result.get("seconds")) if result else "not finished",
    wording.percent(last_value(history, "val_knn_top1")),
    *(wording.percent(metrics.get(name)) for name in names),
  ]
  return [
    markup.keyed_cell(colours[run.group], run.name),
    markup.cell(run.method or wording.NOTHING),
    *(markup.cell(number, is_number=True) for number in numbers),
  ]


def mean_table(runs: Sequence[Run], colours: Mapping[str, str]) -> str:
  """Returns a table of means and standard deviations per method.

  Args:
    runs: the runs.
    colours: from group to the colour of its curves.

  Returns:
    HTML, one row per method with at least two finished runs; empty if there
    is no such method. The deviation is that of a sample, in percent points.
  """
  names = wording.metric_names([run.result for run in runs])
  rows = []
  for group, colour in colours.items():
    finished = [run for run in runs if run.group == group and run.result]
    if len(finished) > 1:
      cells = [_mean(finished, name) for name in names]
      number = markup.cell(str(len(finished)), is_number=True)
      rows.append([markup.keyed_cell(colour, group), number, *cells])
  header = ["method", "runs", *(wording.metric_label(name) for name in names)]
  return markup.table(header, rows) if rows and names else ""


def _mean(runs: Sequence[Run], name: str) -> str:
  values = [
    wording.as_number(wording.metrics_of(run.result).get(name)) for run in runs
  ]
  numbers = [value for value in values if value is not None]
  if len(numbers) < len(runs) or len(numbers) < 2:
    return markup.cell(wording.NOTHING)
  mean, deviation = statistics.mean(numbers), statistics.stdev(numbers)
  text = f"{100 * mean:.1f} ± {100 * deviation:.1f} %"
  return markup.cell(text, is_number=True)
