"""What the site does to pages: formulas, drawings, nothing from elsewhere."""

import pathlib
import re
from typing import Any

from latex2mathml.converter import convert

from suncet_jax.config.__main__ import tables

_FORMULA = re.compile(
  r'<(?P<tag>span|div) class="arithmatex">'
  r"\\[(\[](?P<latex>.*?)\\[)\]]</(?P=tag)>",
  re.DOTALL,
)
_DRAWING = re.compile(
  r'<img alt="[^"]*" src="(?:\.\./)*(?P<path>images/[^"]+\.svg)"\s*/?>'
)
_ELSEWHERE = re.compile(r"!\[([^\]]*)\]\(https?://[^)]*\)")
_UPWARD = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)[^)]*\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
  """Takes out what the site must not load and cannot link to.

  Pictures of other servers, such as badges, become their text. So do links out
  of docs/: the site does not know the address of the repository.

  Args:
    markdown: A page as it lies in docs/.
    page: The page.

  Returns:
    The page for the site.
  """
  if page.file.src_uri == "fields.md":
    markdown = markdown.replace("<!-- fields -->", tables())
  depth = page.file.src_uri.count("/")

  def inward(link: re.Match[str]) -> str:
    leaves = link[2].count("../") > depth
    return link[1] if leaves else link[0]

  return _UPWARD.sub(inward, _ELSEWHERE.sub(r"\1", markdown))


def on_page_content(html: str, config: Any, **_: Any) -> str:
  """Makes formulas MathML, which needs no script, and puts drawings inline.

  A drawing inside of the page follows the reader's choice of light or dark.

  Args:
    html: A page, with LaTeX as `pymdownx.arithmatex` leaves it.
    config: The site's configuration.

  Returns:
    The page as the browser gets it.
  """

  def drawing(match: re.Match[str]) -> str:
    svg = pathlib.Path(config["docs_dir"], match["path"]).read_text("utf-8")
    return svg.replace("<svg ", "<svg data-inline ", 1)

  return _FORMULA.sub(_mathml, _DRAWING.sub(drawing, html))


def _mathml(match: re.Match[str]) -> str:
  display = "block" if match["tag"] == "div" else "inline"
  latex = match["latex"].replace("&amp;", "&")
  latex = latex.replace("&lt;", "<").replace("&gt;", ">").strip()
  return convert(latex, display=display)
