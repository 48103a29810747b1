"""Curves of a report: columns of the history against measures of progress."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from suncet_jax import plugins
from suncet_jax.report.chart import (
  Chart,
  ChartGroup,
  Series,
  color_names,
  curves,
)
from suncet_jax.report.page import Paragraph, Part, Section
from suncet_jax.report.runs import Run
from suncet_jax.workdir.metrics_csv import curve

# Columns of the history that may be the horizontal axis, and their labels.
PROGRESS = {
  "epoch": "epochs",
  "images_seen": "images processed",
  "flops": "training FLOPs (estimated)",
  "seconds": "seconds of training",
  "step": "steps",
}
_NOT_DRAWN = {*PROGRESS, "skipped_in_a_row"}


class _Panel(NamedTuple):
  """One diagram: a column of the history and how to show it."""

  column: str
  title: str
  kind: str = "number"
  y_label: str = ""
  smooth: bool = True


class _Section(NamedTuple):
  """Diagrams on one subject, with words on how to read them."""

  heading: str
  words: str
  panels: tuple[_Panel, ...]


_SECTIONS = (
  _Section(
    "Accuracy during training",
    "Should rise and level off; if it still rises at the end, longer training "
    "will help. Methods differ in the images they process per epoch: the fair "
    "comparison is against images processed or FLOPs.",
    (
      _Panel(
        "val_knn_top1",
        "kNN accuracy, validation images",
        "percent",
        smooth=False,
      ),
      _Panel(
        "val_classifier_top1",
        "accuracy of the method's classifier, validation images",
        "percent",
        smooth=False,
      ),
    ),
  ),
  _Section(
    "Losses",
    "Should fall fast at first, then slowly. A flat line from the start means "
    "that nothing is learnt: look at the learning rate. A sudden rise means "
    "that training became unstable. Long curves show a running mean, with the "
    "values behind it.",
    (_Panel("loss", "training loss", y_label="nats"),),
  ),
  _Section(
    "What the encoder learns",
    "Contrastive accuracy is the share of images whose other view is the most "
    "similar one in the batch; it should rise. Alignment is the distance "
    "between views of an image; uniformity is the lower the wider embeddings "
    "spread over the sphere, and alignment may rise as they do. Both near 0, "
    "or an effective rank that drops to a few, is collapse.",
    (_Panel("rankme", "effective rank (RankMe)", smooth=False),),
  ),
  _Section(
    "Optimisation",
    "Norms should stay bounded. A skipped step had a loss or a gradient that "
    "was not finite and changed nothing; more than a few are a bad sign.",
    (
      _Panel("learning_rate", "learning rate", smooth=False),
      _Panel("gradient_norm", "norm of the gradient", "log"),
      _Panel("parameter_norm", "norm of the parameters", "log", smooth=False),
      _Panel("skipped", "skipped steps so far", smooth=False),
    ),
  ),
  _Section(
    "Speed",
    "The input-wait share is the part of the time in which the devices wait "
    "for images; above a few percent, give the data more workers.",
    (
      _Panel("images_per_second", "images per second"),
      _Panel("input_wait_share", "share of time waiting for input", "percent"),
    ),
  ),
)


def curve_sections(groups: Mapping[str, Sequence[Run]]) -> Iterator[Section]:
  """Yields the sections of a page that show curves.

  Args:
    groups: Runs by name of the setting; each setting gets one colour.

  Yields:
    The sections; those without any curve are left out.
  """
  columns = {
    name
    for runs in groups.values()
    for run in runs
    for row in run.history
    for name in row
  }
  own = [s for runs in groups.values() for run in runs for s in run.series]
  sections = _with_methods(_SECTIONS, own)
  for section in (*sections, _others(columns, sections)):
    shown = [
      panel for panel in section.panels if _is_worth_it(panel.column, groups)
    ]
    if shown:
      parts: list[Part] = [_group(shown, groups)]
      if section.words:
        parts.insert(0, Paragraph(section.words, is_soft=True))
      yield Section(section.heading, parts)


def series_of(
  groups: Mapping[str, Sequence[Run]], column: str
) -> dict[str, Series]:
  """Returns curves of a column against each measure of progress.

  Args:
    groups: Runs by name of the setting.
    column: Column of `metrics.csv`, e.g. "val_knn_top1".

  Returns:
    Curves by label of the horizontal axis, as `chart.curves` takes them.
    Measures that no run has are left out; steps only serve if there is no
    other. Images come first if methods differ.
  """
  # Methods process different numbers of images in an epoch, so that epochs
  # would not compare them fairly.
  axes: dict[str, Series] = {}
  methods = {run.method for runs in groups.values() for run in runs}
  first = ["images_seen"] if len(methods) > 1 else []
  for x in dict.fromkeys([*first, *PROGRESS]):
    label = PROGRESS[x]
    series = {
      name: [c for run in runs if (c := curve(run.history, x, column))[0].size]
      for name, runs in groups.items()
    }
    series = {name: found for name, found in series.items() if found}
    if series and (x != "step" or not axes):
      axes[label] = series
  return axes


def _group(
  panels: Sequence[_Panel], groups: Mapping[str, Sequence[Run]]
) -> ChartGroup:
  colors = color_names(list(groups))
  charts: list[Chart] = []
  axes: dict[str, Series] = {}
  for panel in panels:
    series = series_of(groups, panel.column)
    axes |= series
    charts.append(
      curves(
        panel.title,
        series,
        y_label=panel.y_label,
        kind=panel.kind,
        smooth=panel.smooth,
        colors=colors,
      )
    )
  return ChartGroup(charts, colors, list(axes))


def _is_worth_it(column: str, groups: Mapping[str, Sequence[Run]]) -> bool:
  """Returns whether a column has values; for skipped steps, other than 0."""
  axes = series_of(groups, column)
  if column != "skipped":
    return bool(axes)
  first = next(iter(axes.values()), {})
  return any(y.any() for runs in first.values() for _, y in runs)


def _with_methods(
  sections: Sequence[_Section], own: Sequence[plugins.Series]
) -> list[_Section]:
  """Adds diagrams of the series that methods log to their sections.

  Args:
    sections: Sections of all runs.
    own: Series that runs kept of methods that may not be installed.
  """
  of_package = (
    series
    for name in plugins.method_names()
    for series in plugins.method_spec(name).series
  )
  logged = {series.name: series for series in (*of_package, *own)}
  known = [section.heading for section in sections]
  headings = dict.fromkeys(series.section for series in logged.values())
  added = [_Section(h, "", ()) for h in headings if h not in known]
  return [
    section._replace(
      panels=(
        *section.panels,
        *(
          _Panel(s.name, s.title, s.kind, s.unit, s.smooth)
          for s in logged.values()
          if s.section == section.heading
        ),
      )
    )
    for section in (*sections, *added)
  ]


def _others(columns: set[str], sections: Sequence[_Section]) -> _Section:
  known = {panel.column for section in sections for panel in section.panels}
  names = sorted(columns - known - _NOT_DRAWN)
  panels = tuple(_Panel(name, name) for name in names)
  return _Section("Other measurements", "", panels)
