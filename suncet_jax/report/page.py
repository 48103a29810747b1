"""Pages made of parts: plain data, each kind with a template that shows it.

The templates are in `templates/`; they escape all text.
"""

import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Sequence
from typing import ClassVar

import jinja2
from bokeh.resources import Resources


class Part:
  """A part of a page.

  Attributes:
    template: Name of the template, which gets the part as `part`.
  """

  template: ClassVar[str]


@dataclasses.dataclass(frozen=True)
class Section(Part):
  """Parts under a heading, listed in the menu of the page."""

  title: str
  parts: Sequence[Part]
  template = "section.html.j2"

  @property
  def id(self) -> str:
    """Address of the section in its page."""
    return re.sub(r"\W+", "-", self.title.lower()).strip("-")


@dataclasses.dataclass(frozen=True)
class Paragraph(Part):
  """Text; soft text is in a quieter colour."""

  text: str
  is_soft: bool = False
  template = "paragraph.html.j2"


@dataclasses.dataclass(frozen=True)
class Code(Part):
  """Text shown as code, with its line breaks."""

  text: str
  template = "code.html.j2"


@dataclasses.dataclass(frozen=True)
class Folded(Part):
  """A part that opens on a click on its summary."""

  summary: str
  inside: Part
  template = "folded.html.j2"


@dataclasses.dataclass(frozen=True)
class Tiles(Part):
  """Large figures, each above its name.

  Attributes:
    facts: Pairs of figure and name.
  """

  facts: Sequence[tuple[str, str]]
  template = "tiles.html.j2"


@dataclasses.dataclass(frozen=True)
class Column:
  """A column of a table; numbers are aligned to the right."""

  title: str = ""
  is_number: bool = False


@dataclasses.dataclass(frozen=True)
class Keyed:
  """Cell with a dot in the colour of a curve before its text."""

  text: str
  color: str


@dataclasses.dataclass(frozen=True)
class Table(Part):
  """A table; it scrolls if the page is too narrow.

  Attributes:
    columns: Columns of the table. There is a header if any has a title.
    rows: Rows of the table, one cell per column.
  """

  columns: Sequence[Column]
  rows: Sequence[Sequence[str | Keyed]]
  template = "table.html.j2"

  @property
  def has_header(self) -> bool:
    """Presence of a header: whether any column has a title."""
    return any(column.title for column in self.columns)


def page(title: str, parts: Sequence[Part], subtitle: str = "") -> str:
  """Returns a whole HTML document, with the library that draws its charts.

  Args:
    title: Text of the title and of the first heading.
    parts: Parts of the page, one below the other.
    subtitle: Text below the heading.

  Returns:
    The document; it refers to no other file.
  """
  return from_template(
    "page.html.j2",
    title=title,
    subtitle=subtitle,
    parts=parts,
    sections=[part for part in parts if isinstance(part, Section)],
    style=_asset("page.css"),
    bokeh=_bokeh(),
    script=_asset("page.js"),
  )


def part_html(part: Part) -> str:
  """Returns one part as HTML, without the page around it."""
  return from_template(part.template, part=part)


def from_template(name: str, **values: object) -> str:
  """Returns a template of `templates/` filled with values."""
  return _templates().get_template(name).render(values)


def present(*parts: Part | None) -> list[Part]:
  """Returns the parts that are not None."""
  return [part for part in parts if part is not None]


@functools.cache
def _templates() -> jinja2.Environment:
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader("suncet_jax.report"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
  )
  # Keeps the order of keys: Jinja2 would sort them.
  environment.policies["json.dumps_kwargs"] = {}
  return environment


def _asset(name: str) -> str:
  folder = importlib.resources.files("suncet_jax.report")
  return (folder / name).read_text(encoding="utf-8")


@functools.cache
def _bokeh() -> str:
  # Only the core: widgets, tables and mathematics are not used.
  resources = Resources(mode="inline", components=["bokeh"])
  return "\n".join(resources.js_raw)
