"""What came out of runs: figures of one, tables of several."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from suncet_jax.report import markup, wording
from suncet_jax.report.chart import colour_names
from suncet_jax.report.runs import Run
from suncet_jax.workdir.metrics_csv import curve, last_value

_KNN = "val_knn_top1"
_ABOUT = ("run", "setting", "seed")
_EFFORT = (
  "epochs",
  "images",
  "FLOPs",
  "time",
  "images/s",
  "waiting",
  "skipped",
)


def run_tiles(run: Run) -> str:
  """Returns one run's accuracies and effort as large figures."""
  metrics = wording.metrics_of(run.result)
  accuracies = [
    (wording.percent(metrics[name]), f"{wording.metric_label(name)}, test")
    for name in wording.metric_names([run.result])
  ]
  accuracies.append(
    (wording.percent(last_value(run.history, _KNN)), "kNN, validation images")
  )
  return "".join(
    markup.tiles(fact for fact in part if fact[0] != wording.NOTHING)
    for part in (accuracies, efforts(run))
  )


def run_facts(run: Run) -> str:
  """Returns a table of what identifies the result of one run."""
  rows = [
    ("steps", wording.count(run.latest("step"))),
    ("digest of the parameters", run.result.get("params_digest")),
    ("fingerprint of the config", run.result.get("config_fingerprint")),
    ("versions", wording.versions(run.result.get("versions"))),
  ]
  cells = [
    [markup.cell(name), markup.cell(str(value))]
    for name, value in rows
    if value not in (None, wording.NOTHING)
  ]
  return markup.table((), cells) if cells else ""


def explanations(runs: Sequence[Run]) -> str:
  """Returns what the accuracies of the runs measure."""
  names = wording.metric_names([run.result for run in runs])
  known = [name for name in names if wording.metric_explanation(name)]
  rows = [
    [
      markup.cell(wording.metric_label(name)),
      markup.cell(wording.metric_explanation(name)),
    ]
    for name in known
  ]
  if not rows:
    return ""
  return markup.folded("how accuracies are measured", markup.table((), rows))


def accuracy_table(groups: Mapping[str, Sequence[Run]]) -> str:
  """Returns a table of how far each run is and of its accuracies.

  Args:
    groups: from a setting's name to its runs.

  Returns:
    HTML, one row per run.
  """
  results = [run.result for runs in groups.values() for run in runs]
  names = wording.metric_names(results)
  labels = [f"{wording.metric_label(name)}, test" for name in names]
  rows = []
  for run, about in _about(groups):
    metrics = wording.metrics_of(run.result)
    values = [last_value(run.history, _KNN), *map(metrics.get, names)]
    numbers = [markup.cell(wording.percent(value), True) for value in values]
    rows.append([*about, markup.cell(state_of(run)), *numbers])
  return markup.table([*_ABOUT, "state", "kNN, validation", *labels], rows)


def effort_table(groups: Mapping[str, Sequence[Run]]) -> str:
  """Returns a table of what each run has cost so far.

  Args:
    groups: from a setting's name to its runs.

  Returns:
    HTML, one row per run.
  """
  rows = [
    [*about, *(markup.cell(text, True) for text, _ in efforts(run))]
    for run, about in _about(groups)
  ]
  return markup.table([*_ABOUT, *_EFFORT], rows)


def efforts(run: Run) -> list[tuple[str, str]]:
  """Returns what a run has cost so far, and what each figure is."""
  return [
    (wording.count(run.latest("epochs") or run.latest("epoch")), "epochs"),
    (wording.brief(run.latest("images_seen")), "images processed"),
    (wording.brief(run.latest("flops")), "training FLOPs, estimated"),
    (wording.duration(run.latest("seconds")), "training time"),
    (wording.brief(speed(run)), "images per second, median"),
    (wording.percent(wait_share(run)), "of the time waiting for input"),
    (wording.count(last_value(run.history, "skipped")), "steps skipped"),
  ]


def mean_table(groups: Mapping[str, Sequence[Run]]) -> str:
  """Returns a table of means and standard deviations per setting.

  Args:
    groups: from a setting's name to its runs.

  Returns:
    HTML, one row per setting with at least two finished runs; empty if there
    is no such setting. The deviation is that of a sample, in percent points.
  """
  results = [run.result for runs in groups.values() for run in runs]
  names = wording.metric_names(results)
  rows = []
  for setting, colour in colour_names(list(groups)).items():
    finished = [run for run in groups[setting] if run.result]
    if len(finished) > 1:
      cells = [_mean(finished, name) for name in names]
      number = markup.cell(str(len(finished)), is_number=True)
      rows.append([markup.keyed_cell(colour, setting), number, *cells])
  header = ["setting", "runs", *(wording.metric_label(name) for name in names)]
  return markup.table(header, rows) if rows and names else ""


def state_of(run: Run) -> str:
  """Says whether a run is finished, or how far it is."""
  if run.result:
    return "finished"
  step = last_value(run.history, "step")
  return "no step logged yet" if step is None else f"at step {step:,.0f}"


def speed(run: Run) -> float | None:
  """Returns the median of a run's images per second, or None."""
  values = curve(run.history, "step", "images_per_second")[1]
  return float(np.median(values)) if values.size else None


def wait_share(run: Run) -> float | None:
  """Returns the mean share of time spent waiting for input, or None."""
  values = curve(run.history, "step", "input_wait_share")[1]
  return float(values.mean()) if values.size else None


def _about(
  groups: Mapping[str, Sequence[Run]],
) -> Iterator[tuple[Run, list[str]]]:
  """Yields every run and the cells that name it."""
  colours = colour_names(list(groups))
  for setting, runs in groups.items():
    for run in runs:
      seed = str(run.config.get("seed", wording.NOTHING))
      name = markup.keyed_cell(colours[setting], run.name)
      yield run, [name, markup.cell(setting), markup.cell(seed, True)]


def _mean(runs: Sequence[Run], name: str) -> str:
  values = [
    wording.as_number(wording.metrics_of(run.result).get(name)) for run in runs
  ]
  numbers = [value for value in values if value is not None]
  if len(numbers) < len(runs) or len(numbers) < 2:
    return markup.cell(wording.NOTHING, is_number=True)
  mean, deviation = statistics.mean(numbers), statistics.stdev(numbers)
  text = f"{100 * mean:.1f} ± {100 * deviation:.1f} %"
  return markup.cell(text, is_number=True)
