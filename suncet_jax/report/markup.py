"""HTML: headings, text and tables, every text escaped."""

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import zip_longest


def section(heading: str, *parts: str) -> str:
  """Returns a section: its heading as text, its parts as HTML."""
  inside = "\n".join(parts)
  address = re.sub(r"\W+", "-", heading.lower()).strip("-")
  return (
    f'<section id="{address}">\n<h2>{escape(heading)}</h2>\n{inside}\n'
    "</section>"
  )


def paragraph(text: str, is_soft: bool = False) -> str:
  """Returns a paragraph of text, a soft one in a quieter colour."""
  style = ' class="soft"' if is_soft else ""
  return f"<p{style}>{escape(text)}</p>"


def code_block(text: str) -> str:
  """Returns text as code, line breaks kept."""
  return f"<pre><code>{escape(text)}</code></pre>"


def folded(summary: str, inside: str) -> str:
  """Returns a part that opens on a click: text and, inside, HTML."""
  return f"<details><summary>{escape(summary)}</summary>\n{inside}\n</details>"


def tiles(facts: Iterable[tuple[str, str]]) -> str:
  """Returns large figures, each above what it is.

  Args:
    facts: pairs of text: the figure, what it is.

  Returns:
    HTML.
  """
  inside = "\n".join(
    f'<div class="tile"><b>{escape(figure)}</b>'
    f"<span>{escape(name)}</span></div>"
    for figure, name in facts
  )
  return f'<div class="tiles">{inside}</div>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """Returns a table.

  Args:
    header: text above each column; empty for a table without header.
    rows: cells as HTML, made by `cell` and `keyed_cell`.

  Returns:
    HTML of the table, which scrolls by itself where the page is too narrow.
  """
  rows = list(rows)
  sample = rows[0] if rows else ()
  head = "".join(
    _header_cell(name, is_number=below.startswith('<td class="number"'))
    for name, below in zip_longest(header, sample[: len(header)], fillvalue="")
  )
  body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
  top = f"<thead><tr>{head}</tr></thead>\n" if header else ""
  return (
    '<div class="wide" tabindex="0" role="region" aria-label="table"><table>\n'
    f"{top}<tbody>{body}</tbody>\n</table></div>"
  )


def cell(text: str, is_number: bool = False) -> str:
  """Returns text as a cell of a table; numbers keep to the right."""
  style = ' class="number"' if is_number else ""
  return f"<td{style}>{escape(text)}</td>"


def keyed_cell(colour: str, text: str) -> str:
  """Returns a cell with a dot of a colour of page.css, the key to a curve."""
  dot = f'<i style="--dot: var(--{escape(colour)})"></i>'
  return f'<td class="key">{dot}{escape(text)}</td>'


def _header_cell(text: str, is_number: bool) -> str:
  style = ' class="number"' if is_number else ""
  return f'<th scope="col"{style}>{escape(text)}</th>'
