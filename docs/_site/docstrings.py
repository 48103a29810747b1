"""Makes what a few docstrings say in other markups Markdown for the site."""

import re
import textwrap
from typing import Any

import griffe

_ROLE = re.compile(r":math:`([^`]+)`")
_LINK = re.compile(r"`([^`<]+?)\s+<(https?://[^>]+)>`_")
_BLOCK = re.compile(r"^( *)\.\. math::\n((?:\1 +.*\n|[ ]*\n)+)", re.MULTILINE)
_EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
_BARE_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)


class Markdown(griffe.Extension):
  """Formulas, links and examples become those of Markdown."""

  def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
    """Rewrites an object's docstring before it is parsed.

    Args:
      obj: Any module, class, function or attribute.
    """
    if obj.docstring is not None:
      obj.docstring.value = to_markdown(obj.docstring.value)


def to_markdown(text: str) -> str:
  """Returns a docstring with `$formulas$`, `[links](...)` and `Examples:`."""
  text = _BLOCK.sub(_block, text + "\n").rstrip("\n")
  text = _ROLE.sub(lambda match: f"${match[1]}$", text)
  text = _LINK.sub(lambda match: f"[{_line(match[1])}]({match[2]})", text)
  text = _EXAMPLE.sub("Examples:", text)
  return _BARE_EXAMPLE.sub(
    lambda match: "Examples:\n" + textwrap.indent(match[0], "  "), text
  )


def _block(match: re.Match[str]) -> str:
  formula = _line(match[2])
  return textwrap.indent(f"$$\n{formula}\n$$\n\n", match[1])


def _line(text: str) -> str:
  return " ".join(text.split())
