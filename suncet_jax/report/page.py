"""The page around a report's parts: one file that refers to no other."""

import functools
import importlib.resources
import re
from collections.abc import Iterable
from html import escape

from bokeh.resources import Resources

# As `markup.section` begins one.
_SECTION = re.compile(r'<section id="([^"]*)">\n<h2>(.*?)</h2>')


def page(title: str, parts: Iterable[str], subtitle: str = "") -> str:
  """Returns a whole HTML document, with the library that draws its charts.

  Args:
    title: text of the title and of the first heading.
    parts: HTML, one part after the other: what `markup`, `chart` and the other
      modules of this package return.
    subtitle: text below the heading.

  Returns:
    The document; it refers to no other file.
  """
  body = "\n".join(parts)
  links = "\n".join(
    f'<a href="#{address}">{heading}</a>'
    for address, heading in _SECTION.findall(body)
  )
  below = f'<p class="soft">{escape(subtitle)}</p>' if subtitle else ""
  return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{escape(title)}</title>
<style>
{_asset("page.css")}</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
{below}
<nav aria-label="sections">
{links}
</nav>
</header>
<main>
{body}
</main>
<script>
{_bokeh()}
</script>
<script>
{_asset("page.js")}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
  folder = importlib.resources.files("suncet_jax.report")
  return (folder / name).read_text(encoding="utf-8")


@functools.cache
def _bokeh() -> str:
  # No widgets, no tables, no mathematics.
  resources = Resources(mode="inline", components=["bokeh"])
  return "\n".join(resources.js_raw)
