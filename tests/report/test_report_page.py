"""The page and its parts: text stays text, numbers stand to the right."""

import re
from html.parser import HTMLParser

import pytest
from report_runs import data, history, make_run

from suncet_jax import report
from suncet_jax.report import page
from suncet_jax.report.chart import ChartGroup, curves

# What a page that does not escape it would show otherwise, or not at all.
_NAME = "<b>&\"'</b>&amp;{{ 1 }}"
_VOID = ("meta", "link", "img", "br")


class _Page(HTMLParser):
  """The elements of a page, as (name, attributes, text), in their order."""

  def __init__(self, text):
    super().__init__()
    self.elements = []
    self._open = []
    self.feed(text)
    self.close()
    assert self._open == []

  def handle_starttag(self, tag, attrs):
    self.elements.append([tag, dict(attrs), ""])
    if tag not in _VOID:
      self._open.append(self.elements[-1])

  def handle_endtag(self, tag):
    assert self._open.pop()[0] == tag

  def handle_data(self, data):
    if self._open:
      self._open[-1][2] += data

  def texts(self, tag):
    return [text for name, _, text in self.elements if name == tag]

  def values(self, attribute):
    found = [attributes.get(attribute) for _, attributes, _ in self.elements]
    return [value for value in found if value is not None]


def _part(part):
  return _Page(page.part_html(part))


def test_names_of_runs_and_classes_are_shown_as_text(tmp_path):
  kept = data(
    class_names=[_NAME, "two", "three"],
    view_titles=[_NAME, "view 1", "view 2"],
    predicted_by=_NAME,
    command=_NAME,
  )
  folder = make_run(
    tmp_path / _NAME.replace("/", ""),
    method=_NAME,
    metrics={_NAME: 1.0},
    kept=kept,
    lines=[line.replace("own", "<b>&'") for line in history()],
  )
  out = report.write_report([folder], tmp_path / "page.html")
  shown = _Page(out.read_text(encoding="utf-8"))
  assert shown.texts("title") == [folder.name]
  assert shown.texts("h1") == [folder.name]
  # Only the figures of tiles are bold.
  assert all(re.match(r"\d", text) for text in shown.texts("b"))
  for tag in ("button", "th", "td", "figcaption", "code"):
    assert _NAME in shown.texts(tag), tag
  assert f"{_NAME}, test" in shown.texts("span")
  assert "<b>&'" in shown.texts("h3")
  for attribute in ("title", "alt", "data-series"):
    assert _NAME in shown.values(attribute), attribute
  assert any(text.startswith("<b>&'") for text in shown.values("aria-label"))


def test_names_of_settings_and_fields_are_shown_as_text(tmp_path):
  runs = [
    make_run(tmp_path / name, method=name, seed=seed, kept=data())
    for seed, name in enumerate(("<i>", "<b>&\"'"))
  ]
  runs.append(make_run(tmp_path / "c", config={"<u>": "<s>"}))
  out = report.write_report(runs, tmp_path / "page.html")
  shown = _Page(out.read_text(encoding="utf-8"))
  names = {name for name, _, _ in shown.elements}
  assert names.isdisjoint({"b", "u", "s"})
  assert {"<b>&\"'", "<u>", "<s>"} <= {*shown.texts("th"), *shown.texts("td")}
  assert "Map of <b>&\"'" in shown.texts("h2")


@pytest.mark.parametrize(
  "part",
  [
    page.Section(_NAME, []),
    page.Paragraph(_NAME),
    page.Code(_NAME),
    page.Folded(_NAME, page.Paragraph("inside")),
    page.Tiles([("figure", _NAME)]),
    page.Tiles([(_NAME, "what it is")]),
    page.Table([page.Column(_NAME)], []),
    page.Table([page.Column()], [[_NAME]]),
    page.Table([page.Column()], [[page.Keyed(_NAME, "c0")]]),
    curves(_NAME, {}),
    ChartGroup([], {_NAME: "c0", "other": "c1"}, []),
    ChartGroup([], {}, [_NAME, "other"]),
  ],
  ids=lambda part: type(part).__name__,
)
def test_every_part_escapes_its_texts(part):
  shown = _part(part)
  assert _NAME in [text for _, _, text in shown.elements]
  assert shown.texts("b") in ([], ["figure"], [_NAME])


def test_menu_names_the_sections_in_their_order():
  parts = [
    page.Section("What <b>learns</b>?", [page.Paragraph("text")]),
    page.Tiles([("1", "not a section")]),
    page.Section("Speed", []),
  ]
  shown = _Page(page.page("title", parts, "below"))
  assert shown.texts("a") == ["What <b>learns</b>?", "Speed"]
  assert shown.values("href")[-2:] == ["#what-b-learns-b", "#speed"]
  assert shown.values("id") == ["what-b-learns-b", "speed"]
  assert shown.texts("p") == ["below", "text"]


def test_numbers_stand_to_the_right_below_their_title():
  columns = [page.Column("run"), page.Column("images", is_number=True)]
  shown = _part(page.Table(columns, [[page.Keyed("a", "c3"), "1,000"]]))
  assert [
    (tag, attributes.get("class"), text)
    for tag, attributes, text in shown.elements
    if tag in ("th", "td")
  ] == [
    ("th", None, "run"),
    ("th", "number", "images"),
    ("td", "key", "a"),
    ("td", "number", "1,000"),
  ]
  assert "--dot: var(--c3)" in shown.values("style")


def test_table_without_titles_has_no_header():
  shown = _part(page.Table([page.Column(), page.Column()], [["a", "b"]]))
  assert shown.texts("th") == []
  assert shown.texts("td") == ["a", "b"]


def test_a_run_writes_the_page_that_its_folder_gives(small_run, tmp_path):
  out = report.write_report([small_run], tmp_path / "again.html")
  pages = [
    # Bokeh numbers what it has drawn in a process.
    re.sub(r'"p\d+"', '"p"', path.read_text(encoding="utf-8"))
    for path in (small_run / "report.html", out)
  ]
  assert pages[0] == pages[1]
