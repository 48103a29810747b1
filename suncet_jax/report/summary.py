"""Summary of results: figures of one run, tables of several."""

import statistics
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from suncet_jax.report import wording
from suncet_jax.report.chart import color_names
from suncet_jax.report.page import Column, Folded, Keyed, Table, Tiles
from suncet_jax.report.runs import Run
from suncet_jax.workdir.metrics_csv import curve, last_value

# Measured during training, by title.
_VALIDATED = {"kNN": "val_knn_top1", "classifier": "val_classifier_top1"}
_RUN = Column("run")
_ABOUT = (Column("setting"), Column("seed", is_number=True))
_EFFORT = (
  "epochs",
  "images",
  "FLOPs",
  "time",
  "images/s",
  "waiting",
  "skipped",
)


def run_tiles(run: Run) -> list[Tiles]:
  """Returns the accuracies and the effort of a run as large figures."""
  metrics = wording.metrics_of(run.result)
  accuracies = [
    (wording.percent(metrics[name]), f"{wording.metric_label(name)}, test")
    for name in wording.metric_names([run.result])
  ]
  accuracies += [
    (wording.percent(value), f"{title}, validation images")
    for title, value in _validated(run).items()
  ]
  return [
    Tiles([fact for fact in facts if fact[0] != wording.NOTHING])
    for facts in (accuracies, efforts(run))
  ]


def run_facts(run: Run) -> Table | None:
  """Returns a table that identifies the result of a run, or None if empty."""
  init = run.result.get("init", {})
  rows = [
    ("steps", wording.count(run.latest("step"))),
    ("weights at the start", init.get("weights")),
    ("SHA-256 of these weights", init.get("sha256")),
    ("digest of the parameters", run.result.get("params_digest")),
    ("fingerprint of the config", run.result.get("config_fingerprint")),
    ("versions", wording.versions(run.result.get("versions"))),
  ]
  known = [
    (name, str(value))
    for name, value in rows
    if value not in (None, wording.NOTHING)
  ]
  return Table((Column(), Column()), known) if known else None


def explanations(runs: Sequence[Run]) -> Folded | None:
  """Returns explanations of the accuracies of the runs, or None if empty."""
  rows = [
    (wording.metric_label(name), wording.metric_explanation(name))
    for name in wording.metric_names([run.result for run in runs])
    if wording.metric_explanation(name)
  ]
  table = Table((Column(), Column()), rows)
  return Folded("how accuracies are measured", table) if rows else None


def accuracy_table(groups: Mapping[str, Sequence[Run]]) -> Table:
  """Returns a table of the state and the accuracies of each run.

  Args:
    groups: Runs by name of the setting.

  Returns:
    One row per run.
  """
  results = [run.result for runs in groups.values() for run in runs]
  names = wording.metric_names(results)
  labels = [f"{wording.metric_label(name)}, test" for name in names]
  every = [_validated(run) for runs in groups.values() for run in runs]
  titles = [
    title
    for title in _VALIDATED
    if title == "kNN" or any(found[title] is not None for found in every)
  ]
  numbers = _numbers(*labels, *(f"{title}, validation" for title in titles))
  rows = []
  for run, about in _about(groups):
    metrics, on_the_way = wording.metrics_of(run.result), _validated(run)
    values = [*map(metrics.get, names), *map(on_the_way.get, titles)]
    name, *others = about
    # A phone shows the first columns.
    rows.append([name, *map(wording.percent, values), *others, state_of(run)])
  return Table([_RUN, *numbers, *_ABOUT, Column("state")], rows)


def effort_table(groups: Mapping[str, Sequence[Run]]) -> Table:
  """Returns a table of the cost of each run so far.

  Args:
    groups: Runs by name of the setting.

  Returns:
    One row per run.
  """
  rows = [
    [*about, *(figure for figure, _ in efforts(run))]
    for run, about in _about(groups)
  ]
  return Table([_RUN, *_ABOUT, *_numbers(*_EFFORT)], rows)


def efforts(run: Run) -> list[tuple[str, str]]:
  """Returns pairs of figure and name of the cost of a run so far."""
  return [
    (wording.count(run.latest("epochs") or run.latest("epoch")), "epochs"),
    (wording.brief(run.latest("images_seen")), "images processed"),
    (wording.brief(run.latest("flops")), "training FLOPs, estimated"),
    (wording.duration(run.latest("seconds")), "training time, compiling too"),
    (wording.brief(speed(run)), "images per second of its steps, median"),
    (wording.percent(wait_share(run)), "of the time waiting for input"),
    (wording.count(last_value(run.history, "skipped")), "steps skipped"),
  ]


def mean_table(groups: Mapping[str, Sequence[Run]]) -> Table | None:
  """Returns a table of means and standard deviations per setting.

  Args:
    groups: Runs by name of the setting.

  Returns:
    One row per setting with at least two finished runs, or None if there is no
    such setting. Deviations are sample deviations, in percentage points.
  """
  results = [run.result for runs in groups.values() for run in runs]
  names = wording.metric_names(results)
  rows: list[Sequence[str | Keyed]] = []
  for setting, color in color_names(list(groups)).items():
    finished = [run for run in groups[setting] if run.result]
    if len(finished) > 1:
      means = [_mean(finished, name) for name in names]
      rows.append([Keyed(setting, color), str(len(finished)), *means])
  numbers = _numbers("runs", *map(wording.metric_label, names))
  columns = [Column("setting"), *numbers]
  return Table(columns, rows) if rows and names else None


def state_of(run: Run) -> str:
  """Returns the state of a run: finished, or its latest step."""
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


def _validated(run: Run) -> dict[str, float | None]:
  """Returns the latest accuracies on validation images by title."""
  return {
    title: last_value(run.history, name) for title, name in _VALIDATED.items()
  }


def _about(
  groups: Mapping[str, Sequence[Run]],
) -> Iterator[tuple[Run, list[str | Keyed]]]:
  """Yields every run with the cells that identify it."""
  colors = color_names(list(groups))
  for setting, runs in groups.items():
    for run in runs:
      seed = str(run.config.get("seed", wording.NOTHING))
      yield run, [Keyed(run.name, colors[setting]), setting, seed]


def _numbers(*titles: str) -> list[Column]:
  return [Column(title, is_number=True) for title in titles]


def _mean(runs: Sequence[Run], name: str) -> str:
  values = [
    wording.as_number(wording.metrics_of(run.result).get(name)) for run in runs
  ]
  numbers = [value for value in values if value is not None]
  if len(numbers) < len(runs) or len(numbers) < 2:
    return wording.NOTHING
  mean, deviation = statistics.mean(numbers), statistics.stdev(numbers)
  return f"{100 * mean:.1f} ± {100 * deviation:.1f} %"
