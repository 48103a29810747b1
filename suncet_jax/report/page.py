"""The report of one run: `report.html` and its pictures."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from etils import epath
from matplotlib.figure import Figure

from suncet_jax.data import storage
from suncet_jax.report import markup, wording
from suncet_jax.report.content import ReportContent
from suncet_jax.report.curves import draw_accuracy, draw_losses, draw_training
from suncet_jax.report.figures import to_png
from suncet_jax.report.images import draw_neighbours, draw_views
from suncet_jax.report.scatter import draw_embeddings


class _Picture(NamedTuple):
  """One section of the page that shows a picture."""

  name: str
  heading: str
  draw: Callable[[ReportContent], Figure | None]
  caption: str
  absent: str


_PICTURES = (
  _Picture(
    "accuracy",
    "Accuracy during training",
    lambda content: draw_accuracy(content.history),
    "Should rise and level off; if it still rises at the end, longer training "
    "will help. Methods differ in the images they process per epoch: the fair "
    "comparison is against images processed.",
    "The history has no kNN accuracy, so there is no curve of it.",
  ),
  _Picture(
    "losses",
    "Losses",
    lambda content: draw_losses(content.history),
    "Should fall fast at first, then slowly. A flat line from the start means "
    "that nothing is learnt: look at the learning rate. A sudden rise means "
    "that training became unstable. Long curves show a running mean, with the "
    "values behind it.",
    "The history has no loss, so there is no curve of it.",
  ),
  _Picture(
    "training",
    "Signs of healthy training",
    lambda content: draw_training(content.history),
    "Contrastive accuracy is the share of images whose other view is the most "
    "similar one in the batch; it should rise. Norms should stay bounded. "
    "Alignment falls as views agree, uniformity as embeddings spread over the "
    "sphere; an effective rank that drops to a few is collapse.",
    "The history has none of the other measurements.",
  ),
  _Picture(
    "embeddings",
    "Map of the embeddings",
    lambda content: draw_embeddings(
      content.embeddings, content.labels, content.class_names
    ),
    "Test images as the encoder sees them, laid out by t-SNE. Look for one "
    "island per class; mixed colours are what it confuses. Distances between "
    "islands and their sizes mean nothing.",
    "There are no finite embeddings, so there is no map of them.",
  ),
  _Picture(
    "neighbours",
    "Nearest neighbours",
    lambda content: draw_neighbours(
      content.neighbours, content.neighbour_labels, content.class_names
    ),
    "Left a test image, then the images the encoder finds most similar, the "
    "nearest first, with their true classes. Green with a tick: same class as "
    "on the left. Red with a cross: another class; does the mistake make "
    "sense?",
    "No nearest neighbours were given.",
  ),
  _Picture(
    "views",
    "Augmented views",
    lambda content: draw_views(content.views, content.view_titles),
    "Left the image, then what the encoder was trained on. The views should "
    "differ clearly, yet a person should still recognise the object in most.",
    "No augmented views were given.",
  ),
)


def write_report(folder: epath.PathLike, content: ReportContent) -> epath.Path:
  """Writes the report of a run.

  Pictures are part of the page, and lie beside it as `report/*.png`. What is
  missing in `content` is left out with a sentence that says so; its picture
  from an earlier report is removed.

  Args:
    folder: folder of the run, on disk or in a bucket; made if needed.
    content: what to show.

  Returns:
    Path of `report.html`.
  """
  folder = epath.Path(folder)
  parts = [*_facts(content), *_pictures(folder / "report", content)]
  parts.append(_repetition(content))
  path = folder / "report.html"
  page = markup.page(content.title, parts)
  storage.write(path, page.encode("utf-8"))
  return path


def _pictures(folder: epath.Path, content: ReportContent) -> Iterator[str]:
  for name, heading, draw, caption, absent in _PICTURES:
    path = folder / f"{name}.png"
    figure = draw(content)
    if figure is None:
      path.unlink(missing_ok=True)
      yield markup.section(heading, markup.paragraph(absent, is_soft=True))
      continue
    png = to_png(figure)
    storage.write(path, png)
    yield markup.section(heading, markup.picture(png, heading, caption))


def _facts(content: ReportContent) -> Iterator[str]:
  yield markup.section("Final accuracy", _accuracies(content))
  result = content.result
  rows = [
    ("steps", wording.count(result.get("step"))),
    ("epochs", wording.count(result.get("epochs"))),
    ("images processed", wording.count(result.get("images_seen"))),
    ("time", wording.duration(result.get("seconds"))),
  ]
  digests = (
    ("digest of the parameters", "params_digest"),
    ("fingerprint of the config", "config_fingerprint"),
  )
  rows += [
    (label, str(result.get(key) or wording.NOTHING)) for label, key in digests
  ]
  rows.append(("versions", wording.versions(result.get("versions"))))
  known = [row for row in rows if row[1] != wording.NOTHING]
  cells = [[markup.cell(label), markup.cell(value)] for label, value in known]
  absent = markup.paragraph("Nothing is known about the run.", is_soft=True)
  yield markup.section("The run", markup.table((), cells) if cells else absent)


def _accuracies(content: ReportContent) -> str:
  names = wording.metric_names([content.result])
  if not names:
    return markup.paragraph("The run has no final accuracies.", is_soft=True)
  metrics = content.result["metrics"]
  rows = [
    [
      markup.cell(wording.metric_label(name)),
      f"<strong>{markup.cell(wording.percent(metrics[name]), True)}</strong>",
      markup.cell(wording.metric_explanation(name)),
    ]
    for name in names
  ]
  return markup.table(("measure", "accuracy", "what it is"), rows)


def _repetition(content: ReportContent) -> str:
  """Shows what is needed to run it again."""
  parts = []
  if content.command:
    parts.append(markup.code_block(content.command))
  if content.config_text:
    config = markup.code_block(_indented(content.config_text))
    parts.append(markup.folded("the whole config", config))
  if not parts:
    parts.append(
      markup.paragraph("Command and config are not known.", is_soft=True)
    )
  return markup.section("To repeat it", *parts)


def _indented(text: str) -> str:
  """Lays out JSON for reading; anything else stays as it is."""
  try:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
  except ValueError:
    return text
