"""Report of a comparison: a page, its pictures, and tables in Markdown."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from absl import logging
from etils import epath

from suncet_jax.compare import criterion, ranking, tables
from suncet_jax.compare.folder import Measured
from suncet_jax.console.words import counted
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import encoded
from suncet_jax.report import chart
from suncet_jax.report.page import (
  Code,
  Column,
  Folded,
  Paragraph,
  Part,
  Section,
  Table,
  page,
)

_AXES = {
  "images processed": "images",
  "estimated FLOPs": "flops",
  "epochs": "epochs",
}
_TABLES = {
  "Which method (percent; differences within a seed)": ranking.which_method,
  "First checkpoint as good as SimCLR's end, of every method": (
    ranking.first_hits
  ),
  "SuNCEt's first checkpoint that is as good": tables.claim,
  "SuNCEt's cheapest finished run that is as good (means)": (
    tables.finished_claim
  ),
  "Ends of the runs (mean and sample standard deviation, percent)": (
    tables.final_accuracies
  ),
  "Every run (percent)": tables.every_run,
}


def write_report(
  workdir: epath.PathLike, results: Sequence[Measured], command: str
) -> epath.Path:
  """Writes `comparison.html`, `comparison.md`, `comparison.json`, pictures.

  Args:
    workdir: Folder of the comparison.
    results: Measured runs.
    command: Command that started the comparison.

  Returns:
    Path of the page.
  """
  workdir = expanded(workdir)
  text = "\n\n".join(
    f"## {title}\n\n{tables.markdown(table)}"
    for title, table in all_tables(results)
  )
  storage.write(workdir / "comparison.md", encoded(f"{text}\n"))
  everything = [result._asdict() for result in results]
  data = json.dumps(everything, indent=1)
  storage.write(workdir / "comparison.json", f"{data}\n".encode())
  out = workdir / "comparison.html"
  storage.write(out, encoded(_page(results, command)))
  for labels, group in _by_labels(results).items():
    for accuracy, name in tables.measures(group).items():
      stem = accuracy.removesuffix("_top1")
      path = workdir / f"labels{labels}-{stem}.png"
      _picture(path, f"{name}, labels={labels}", _series(group, accuracy))
  return out


def _picture(
  path: epath.Path, title: str, series: Mapping[str, chart.Series]
) -> None:
  """Writes curves as a picture; logs an error instead of raising it."""
  try:
    # Imported here: matplotlib wants folders for itself, and fails without.
    from suncet_jax.report.picture import curves_png

    png = curves_png(title, series, y_label="test accuracy", kind="percent")
    storage.write(path, png)
  except Exception:  # a picture that fails must not cost the tables
    logging.exception("%s could not be written.", path)


def _page(results: Sequence[Measured], command: str) -> str:
  parts = []
  for labels, group in _by_labels(results).items():
    colors = chart.color_names(list(tables.by_name(group)))
    draw = functools.partial(_chart, group)
    charts = [draw(*measure) for measure in tables.measures(group).items()]
    curves = chart.ChartGroup(charts, colors, list(_AXES))
    title, which, *others = _tables(group)
    parts.append(Section(f"labels={labels}", [title, which, curves, *others]))
  words = (criterion.__doc__ or "").strip()
  parts.append(Section("The criterion", [Code(words)]))
  parts.append(Section("To repeat it", [Code(command)]))
  seeds = counted(len({result.seed for result in results}), "seed")
  words = f"{seeds}; whole epochs, so budgets are equal to within one"
  return page("Methods compared at equal budgets", parts, words)


def _chart(
  results: Sequence[Measured], accuracy: str, title: str
) -> chart.Chart:
  return chart.curves(
    title,
    _series(results, accuracy),
    y_label="test accuracy",
    kind="percent",
  )


def _series(
  results: Sequence[Measured], accuracy: str
) -> dict[str, chart.Series]:
  """Returns the curves of each horizontal axis, by name, one per seed."""
  # Runs that were not measured by it are left out.
  groups = tables.by_name(
    r for r in results if all(accuracy in point for point in r.curve)
  )
  return {
    label: {
      name: [_points(run.curve, key, accuracy) for run in group]
      for name, group in groups.items()
    }
    for label, key in _AXES.items()
  }


def _points(
  curve: criterion.Curve, x: str, y: str
) -> tuple[np.ndarray, np.ndarray]:
  return np.array([p[x] for p in curve]), np.array([p[y] for p in curve])


def _tables(results: Sequence[Measured]) -> Iterator[Part]:
  for title, make in _TABLES.items():
    table = make(results)
    if table is None:
      continue
    columns = [
      Column(name, is_number=place > 0)
      for place, name in enumerate(table.header)
    ]
    shown = Table(columns, table.rows)
    is_long = len(table.rows) > 2 * len(tables.by_name(results))
    if is_long:
      yield Folded(title, shown)
    else:
      yield Paragraph(title, is_soft=True)
      yield shown


def all_tables(
  results: Sequence[Measured],
) -> Iterator[tuple[str, tables.Table]]:
  """Yields titles and tables for each number of labels."""
  for labels, group in _by_labels(results).items():
    for title, make in _TABLES.items():
      if table := make(group):
        yield f"{title}, labels={labels}", table


def _by_labels(results: Sequence[Measured]) -> dict[str, list[Measured]]:
  labels = sorted({result.labels for result in results}, key=int)
  return {name: [r for r in results if r.labels == name] for name in labels}
