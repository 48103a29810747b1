"""The page about one run: complete, self-contained, robust to gaps."""

import base64
import dataclasses
import html.parser
import io
import math

import numpy as np
import pytest
from PIL import Image

from suncet_jax import report

_PICTURES = (
  "accuracy",
  "embeddings",
  "losses",
  "neighbours",
  "training",
  "views",
)


class _Parser(html.parser.HTMLParser):
  """Collects tags, references and text, and checks that tags match."""

  _VOID = ("meta", "img")

  def __init__(self, text):
    super().__init__()
    self.tags, self.references, self.texts, self._open = [], [], [], []
    self.feed(text)
    self.close()
    assert not self._open

  def handle_starttag(self, tag, attributes):
    self.tags.append(tag)
    self.references += [v for k, v in attributes if k in ("src", "href")]
    if tag not in self._VOID:
      self._open.append(tag)

  def handle_endtag(self, tag):
    assert self._open.pop() == tag

  def handle_data(self, data):
    self.texts.append(data.strip())


def _history(count=130):
  rows = []
  for step in range(count):
    row = {"step": 10.0 * step, "epoch": step / 4, "images_seen": 640.0 * step}
    row |= {"loss": 3 / (1 + step), "ntxent": 2 / (1 + step)}
    row |= {"suncet": 1 / (1 + step), "learning_rate": 0.1}
    row |= {"gradient_norm": math.exp(-step / 20), "alignment": 0.5}
    if step % 10 == 0:
      row["val_knn_top1"] = 0.5 + step / 1000
    rows.append(row)
  return rows


def _content(**changes):
  generator = np.random.default_rng(0)
  labels = np.arange(40) % 4
  centres = 5 * generator.normal(size=(4, 8))
  images = generator.integers(0, 256, (3, 5, 8, 8, 1), dtype=np.uint8)
  content = report.ReportContent(
    title="digits & <letters>",
    result={
      "step": 1290,
      "images_seen": 1281167,
      "epochs": 32.25,
      "seconds": 4325.0,
      "params_digest": "9f3c2a77",
      "metrics": {"knn_top1": 0.9731, "linear_top1": 0.5, "soft_nn_top1": None},
      "config_fingerprint": "a1b2",
      "versions": {"jax": "0.10.2"},
    },
    history=_history(),
    config_text='{"method": {"name": "suncet"}}',
    command="python -m suncet_jax.main --workdir='<here>'",
    embeddings=centres[labels] + generator.normal(size=(40, 8)),
    labels=labels,
    class_names=["<b>", "$x_{", "_hidden", "ordinary"],
    views=images,
    view_titles=["image", "<b>", "$\\frac{", "view", "view"],
    neighbours=np.repeat(images[:, :3], 3, axis=-1),
    neighbour_labels=np.array([[0, 0, 1], [1, 2, -1], [9, 9, 3]]),
  )
  return dataclasses.replace(content, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("run") / "new"
  assert report.write_report(folder, _content()) == folder / "report.html"
  return folder


@pytest.fixture(scope="module")
def page(folder):
  return (folder / "report.html").read_text(encoding="utf-8")


def test_pictures_are_files_of_a_sensible_size(folder):
  files = sorted(path.name for path in (folder / "report").iterdir())
  assert files == [f"{name}.png" for name in _PICTURES]
  for name in files:
    with Image.open(folder / "report" / name) as image:
      image.load()
      assert image.format == "PNG"
      assert 500 < image.width < 1600, name
      assert 200 < image.height < 2000, name
      # Not blank: ink of several shades.
      assert len(np.unique(np.asarray(image.convert("L")))) > 10, name


def test_page_holds_its_pictures_and_refers_to_nothing_else(page):
  references = _Parser(page).references
  assert len(references) == len(_PICTURES)
  assert all(text.startswith("data:image/png;base64,") for text in references)
  assert "url(" not in page
  assert "@import" not in page


def test_page_embeds_the_same_pictures_as_the_files(page, folder):
  embedded = {
    base64.b64decode(text.partition(",")[2])
    for text in _Parser(page).references
  }
  files = {path.read_bytes() for path in (folder / "report").iterdir()}
  assert embedded == files


def test_metrics_are_percentages_and_absent_ones_left_out(page):
  texts = _Parser(page).texts
  place = texts.index("kNN, top-1")
  assert "97.3 %" in texts[place : place + 4]
  place = texts.index("linear probe, top-1")
  assert "50.0 %" in texts[place : place + 4]
  assert not any("soft nearest" in text for text in texts)


def test_facts_of_the_run(page):
  texts = _Parser(page).texts
  for fact in ("1,290", "32.25", "1,281,167", "1 h 12 min", "9f3c2a77"):
    assert fact in texts
  assert "jax 0.10.2" in texts


def test_text_is_escaped(page):
  parser = _Parser(page)
  assert "b" not in parser.tags
  assert "letters" not in parser.tags
  assert "digits & <letters>" in parser.texts
  assert "python -m suncet_jax.main --workdir='<here>'" in parser.texts


def test_no_temporary_file_stays(folder):
  assert not [path for path in folder.rglob("*") if ".tmp" in path.name]


def test_everything_may_be_missing(folder, tmp_path):
  """Old pictures go, each part is replaced by a sentence."""
  target = tmp_path / "report"
  target.mkdir()
  for name in _PICTURES:
    (target / f"{name}.png").write_bytes(b"old")
  nothing = np.zeros((0,))
  content = _content(
    result={},
    history=[],
    config_text="",
    command="",
    embeddings=nothing,
    labels=nothing,
    views=nothing,
    neighbours=nothing,
  )
  text = report.write_report(tmp_path, content).read_text(encoding="utf-8")
  parser = _Parser(text)
  assert "img" not in parser.tags
  assert "The run has no final accuracies." in parser.texts
  assert not list(target.iterdir())


def _without(*names):
  rows = _history(30)
  return [{k: v for k, v in row.items() if k not in names} for row in rows]


@pytest.mark.parametrize(
  ("history", "expected"),
  [
    (_history(1), {"accuracy", "losses", "training"}),
    (_without("suncet"), {"accuracy", "losses", "training"}),
    (_without("val_knn_top1"), {"losses", "training"}),
    (_without("epoch"), {"accuracy", "losses", "training"}),
    (
      _without("loss", "ntxent", "suncet"),
      {"accuracy", "training"},
    ),
    (
      [dict.fromkeys(_history(1)[0], math.nan)] * 3,
      set(),
    ),
    (
      [{"epoch": 0.0, "gradient_norm": 0.0}, {"epoch": 1.0, "loss": 1.0}],
      {"losses", "training"},
    ),
  ],
)
def test_history_with_gaps(tmp_path, history, expected):
  nothing = np.zeros((0,))
  content = _content(
    history=history, embeddings=nothing, views=nothing, neighbours=nothing
  )
  report.write_report(tmp_path, content)
  written = {path.stem for path in (tmp_path / "report").glob("*.png")}
  assert written == expected


def test_rows_with_nan_and_many_classes(tmp_path):
  """Broken rows leave the map, classes beyond the palette share grey."""
  generator = np.random.default_rng(1)
  embeddings = generator.normal(size=(60, 3))
  embeddings[0, 0] = math.nan
  content = _content(
    embeddings=embeddings, labels=np.arange(60) % 30 - 1, history=[]
  )
  report.write_report(tmp_path, content)
  with Image.open(tmp_path / "report" / "embeddings.png") as image:
    colours = image.convert("RGB").getcolors(1 << 24)
  assert (0xC9, 0xCD, 0xD2) in {colour for _, colour in colours}


def test_neighbours_are_framed_by_agreement(tmp_path):
  """Green occurs only with an agreeing, red only with another class."""
  green, red = (0x23, 0x87, 0x5A), (0xC4, 0x3D, 0x3D)
  images = np.full((1, 2, 8, 8, 1), 128, np.uint8)
  for label, present, absent in ((4, green, red), (5, red, green)):
    labels = np.array([[4, label]])
    content = _content(
      history=[],
      embeddings=np.zeros(0),
      neighbours=images,
      neighbour_labels=labels,
    )
    report.write_report(tmp_path, content)
    data = (tmp_path / "report" / "neighbours.png").read_bytes()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    colours = {colour for _, colour in picture.getcolors(1 << 24)}
    assert present in colours
    assert absent not in colours


def test_images_keep_their_pixels(tmp_path):
  """Grey images are drawn in grey and without interpolation."""
  views = np.zeros((1, 1, 2, 2, 1), np.uint8)
  views[0, 0, :, :, 0] = [[0, 80], [160, 240]]
  content = _content(
    history=[],
    embeddings=np.zeros(0),
    neighbours=np.zeros(0),
    views=views,
    view_titles=[""],
  )
  report.write_report(tmp_path, content)
  with Image.open(tmp_path / "report" / "views.png") as image:
    pixels = np.asarray(image.convert("RGB"))
  assert np.ptp(pixels, axis=-1).max() == 0
  shares = (
    np.bincount(pixels[..., 0].ravel(), minlength=256) / pixels[..., 0].size
  )
  assert shares[[0, 80, 160, 240]].min() > 0.1
  assert shares[[0, 80, 160, 240, 255]].sum() > 0.98


@pytest.mark.parametrize(
  ("changes", "error", "message"),
  [
    ({"labels": np.zeros(3, int)}, ValueError, r"\(40,\).*\(3,\)"),
    ({"embeddings": np.zeros((2, 2, 2))}, ValueError, r"\(2, 2, 2\)"),
    ({"view_titles": ["a"]}, ValueError, "expected 5, got 1"),
    ({"neighbour_labels": np.zeros((1, 1))}, ValueError, r"\(3, 3\)"),
    ({"views": np.zeros((1, 5, 2, 2, 2), np.uint8)}, ValueError, "c 1 or 3"),
    ({"views": np.zeros((1, 5, 2, 2, 1))}, TypeError, "got float64"),
  ],
)
def test_content_that_does_not_fit_is_refused(changes, error, message):
  with pytest.raises(error, match=message):
    _content(**changes)
