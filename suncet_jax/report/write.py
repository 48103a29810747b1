"""Report page about one run or several."""

import json
from collections.abc import Iterator, Mapping, Sequence

from etils import epath

from suncet_jax.console.words import counted
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import encoded
from suncet_jax.report import summary, wording
from suncet_jax.report.classifier import classifier_section
from suncet_jax.report.confusion import confusion_parts
from suncet_jax.report.data import ReportData
from suncet_jax.report.images import (
  drawn_grid,
  heard_grid,
  neighbours_grid,
  views_grid,
)
from suncet_jax.report.page import (
  Code,
  Column,
  Folded,
  Paragraph,
  Part,
  Section,
  Table,
  page,
  present,
)
from suncet_jax.report.panels import curve_sections
from suncet_jax.report.runs import (
  Run,
  differing_fields,
  fields,
  read_runs,
  settings,
)
from suncet_jax.report.scatter import embedding_chart

_MAP_WORDS = (
  "Test images as the encoder sees them, laid out by t-SNE. Point at one, or "
  "tap it, to see it; the buttons hide a class. Look for one island per class. "
  "Crosses are images taken for another class. Distances between islands and "
  "their sizes mean nothing."
)
_NEIGHBOUR_WORDS = (
  "Left a test image, then the images that the encoder finds most similar, the "
  "nearest first, with their true classes. A dashed red frame is another class "
  "than on the left: does the mistake make sense?"
)
_VIEW_WORDS = (
  "Left the image, then what the encoder was trained on. The views should "
  "differ clearly, yet a person should still recognise the object in most."
)
_DRAWN_WORDS = (
  "What the networks beside the encoder draw at the end of training, each "
  "column a class where they are asked for one. They are there to teach the "
  "classifier, not to be beautiful."
)
_HEARD_WORDS = (
  "Left a frame of a test clip, then some of its frames, dark where the sound "
  "of the clip finds nothing: what makes the sound should be bright."
)
_NO_DATA = (
  "Map, confusion matrix, neighbours and views appear when the run is finished."
)


def write_report(
  folders: Sequence[epath.PathLike], out: epath.PathLike
) -> epath.Path:
  """Writes a page about runs.

  Args:
    folders: Folders of finished or running runs, on disk or in a bucket.
    out: Path of the page, `*.html`.

  Returns:
    The path of the page.

  Raises:
    ValueError: If `out` is not an HTML file, or a folder is not a run's.
    OSError: If a file is not readable, or the page not writable.
  """
  out = expanded(out)
  if out.suffix != ".html":
    raise UserError(f"the page must be named *.html, got {out}")
  storage.write(out, encoded(report_page(read_runs(folders))))
  return out


def report_page(runs: Sequence[Run]) -> str:
  """Returns the page about runs.

  Args:
    runs: Runs, at least one.

  Returns:
    The whole HTML document.
  """
  if len(runs) == 1:
    return _one(runs[0])
  return _several(runs)


def _one(run: Run) -> str:
  curves = list(curve_sections(settings([run])))
  parts = present(
    *summary.run_tiles(run),
    summary.explanations([run]),
    classifier_section(run),
    *curves[:1],
    *_image_sections(run.data),
    *curves[1:],
    Section("The run", _repetition(run)),
  )
  return page(run.name, parts, _subtitle(run))


def _several(runs: Sequence[Run]) -> str:
  groups = settings(runs)
  parts = present(
    Section("Results", [summary.accuracy_table(groups)]),
    _means(groups),
    summary.explanations(runs),
    *curve_sections(groups),
    Section("Effort", [summary.effort_table(groups)]),
    Section("What differs", [_differences(groups)]),
    *_maps(groups),
  )
  count = f"{len(runs)} runs of {counted(len(groups), 'setting')}"
  return page("Runs compared", parts, count)


def _means(groups: Mapping[str, Sequence[Run]]) -> Section | None:
  means = summary.mean_table(groups)
  if means is None:
    return None
  words = "Mean and sample standard deviation of the finished runs."
  return Section("Means over seeds", [Paragraph(words, is_soft=True), means])


def _subtitle(run: Run) -> str:
  data = run.config.get("data")
  source = data.get("tfds_name") or data.get("source") if data else None
  words = [
    run.method,
    f"on {source}" if source else None,
    f"seed {run.config['seed']}" if "seed" in run.config else None,
    summary.state_of(run),
  ]
  return ", ".join(word for word in words if word)


def _image_sections(data: ReportData | None) -> Iterator[Section]:
  if data is None:
    yield Section("Images", [Paragraph(_NO_DATA, is_soft=True)])
    return
  sections: tuple[tuple[str, str, Sequence[Part | None]], ...] = (
    ("Map of the embeddings", _MAP_WORDS, [embedding_chart(data, "sheet")]),
    ("Confusion matrix", "", confusion_parts(data)),
    ("Nearest neighbours", _NEIGHBOUR_WORDS, [neighbours_grid(data)]),
    ("Augmented views", _VIEW_WORDS, [views_grid(data)]),
    ("Drawn images", _DRAWN_WORDS, [drawn_grid(data)]),
    ("Where clips sound", _HEARD_WORDS, [heard_grid(data)]),
  )
  for title, words, inside in sections:
    shown = present(*inside)
    if shown and words:
      shown.insert(0, Paragraph(words, is_soft=True))
    if shown:
      yield Section(title, shown)


def _maps(groups: Mapping[str, Sequence[Run]]) -> Iterator[Section]:
  """Yields map and confusions of the first finished run of each setting."""
  for number, (setting, runs) in enumerate(groups.items()):
    run = next((run for run in runs if run.data is not None), None)
    if run is None or run.data is None:
      continue
    parts = present(
      Paragraph(f"Of the run {run.name}. {_MAP_WORDS}", is_soft=True),
      embedding_chart(run.data, f"sheet{number}"),
      *confusion_parts(run.data),
    )
    yield Section(f"Map of {setting}", parts)


def _differences(groups: Mapping[str, Sequence[Run]]) -> Part:
  """Returns a table of the fields that differ, one column per setting."""
  runs = [run for members in groups.values() for run in members]
  names = list(differing_fields([run.config for run in runs]))
  if not names:
    return Paragraph("The configs are the same.", is_soft=True)
  rows = []
  for name in names:
    cells = [name]
    for members in groups.values():
      values = [
        fields(run.config).get(name, wording.NOTHING) for run in members
      ]
      cells.append(", ".join(dict.fromkeys(values)))
    rows.append(cells)
  return Table([Column(title) for title in ("field", *groups)], rows)


def _repetition(run: Run) -> list[Part]:
  """Returns the parts that one needs to repeat a run."""
  command = run.data.command if run.data is not None else ""
  config = json.dumps(run.config, indent=2, ensure_ascii=False)
  return present(
    summary.run_facts(run),
    Code(command) if command else None,
    Folded("the whole config", Code(config)) if run.config else None,
  )
