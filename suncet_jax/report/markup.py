"""HTML: one self-contained page, every text escaped."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --ink: #20242a; --soft: #5c6570;
  --line: #dfe3e8; --paper: #ffffff; --card: #f5f7f9; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ed; --soft: #a0a8b2;
  --line: #3a414a; --paper: #16191d; --card: #22272e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 54rem; padding: 1.5rem 1rem 4rem;
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .6rem; }
p { margin: .4rem 0; }
.soft, figcaption { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .45rem .8rem .45rem 0; text-align: left;
  vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.dot { display: inline-block; width: .7em; height: .7em; border-radius: 50%;
  margin-right: .45em; }
figure { margin: 0; break-inside: avoid; }
figure img { display: block; max-width: 100%; height: auto; margin: 0 auto;
  border-radius: 6px; }
.sheet { background: #ffffff; border: 1px solid var(--line);
  border-radius: 8px; padding: .6rem; }
figcaption { font-size: .93rem; margin-top: .5rem; }
pre { background: var(--card); border-radius: 6px; padding: .7rem .9rem;
  overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font-size: .85rem; }
code { overflow-wrap: anywhere; font-size: .9em; }
summary { cursor: pointer; }
@media print { body { max-width: none; padding: 0; font-size: 10pt; }
  h2 { break-after: avoid; } }
"""


def page(title: str, parts: Iterable[str]) -> str:
  """Returns a whole HTML document.

  Args:
    title: text of the title and of the first heading.
    parts: HTML, one part after the other.

  Returns:
    The document; it refers to no other file.
  """
  body = "\n".join(parts)
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""


def section(heading: str, *parts: str) -> str:
  """Returns a section: its heading as text, its parts as HTML."""
  inside = "\n".join(parts)
  return f"<section>\n<h2>{escape(heading)}</h2>\n{inside}\n</section>"


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


def picture(png: bytes, description: str, caption: str) -> str:
  """Returns a picture with its bytes in the page.

  Args:
    png: content of a PNG file.
    description: text for those who cannot see the picture.
    caption: text below the picture.

  Returns:
    HTML of the figure.
  """
  data = base64.b64encode(png).decode("ascii")
  return (
    f'<figure><div class="sheet"><img alt="{escape(description)}" '
    f'src="data:image/png;base64,{data}"></div>\n'
    f"<figcaption>{escape(caption)}</figcaption></figure>"
  )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
  """Returns a table.

  Args:
    header: text above each column; empty for a table without header.
    rows: cells as HTML; texts go through `cell` first.

  Returns:
    HTML of the table, which scrolls by itself where the page is too narrow.
  """
  head = "".join(f"<th>{escape(name)}</th>" for name in header)
  lines = [f"<tr>{head}</tr>"] if header else []
  lines += [
    f"<tr>{''.join(f'<td>{content}</td>' for content in row)}</tr>"
    for row in rows
  ]
  inside = "\n".join(lines)
  return f'<div class="wide"><table>\n{inside}\n</table></div>'


def cell(text: str, is_number: bool = False) -> str:
  """Returns text as the content of a table's cell."""
  if is_number:
    return f'<span class="number">{escape(text)}</span>'
  return escape(text)


def keyed_cell(colour: str, text: str) -> str:
  """Returns text behind a dot of the given colour, the key to a curve."""
  dot = f'<span class="dot" style="background: {escape(colour)}"></span>'
  return f'<span class="number">{dot}{escape(text)}</span>'
