"""Entries of a comparison: methods, shares of the budget, variants."""

import ast
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from suncet_jax.errors import UserError
from suncet_jax.plugins import method_names, method_spec

# Comma before the next field: values such as (0.2,1.0) contain commas too.
_NEXT_FIELD = re.compile(r",(?=[\w.]+=)")
_LABEL = re.compile(r"([\w.@+ -]+): +(.*)", re.DOTALL)


class Entry(NamedTuple):
  """A method, its share of the budget, and a variant of it.

  Attributes:
    method: Name of the method.
    share: Share of the images that the reference processes; 0: not trained,
      but measured as it begins.
    variant: Fields of the configuration that it changes, such as
      "method.temperature=0.2", separated by commas.
    label: Name that the user gave it; empty: made of the others.
  """

  method: str
  share: float = 1.0
  variant: str = ""
  label: str = ""

  @property
  def name(self) -> str:
    """Name of the entry on the command line, in folders and in reports."""
    if self.label:
      return self.label
    share = "" if self.share == 1 else f"@{self.share:g}"
    return " ".join(filter(None, (f"{self.method}{share}", self.variant)))


def parse_entries(
  methods: Sequence[str], variants: Sequence[str] = ()
) -> list[Entry]:
  """Parses methods and variants, e.g. ["suncet@0.5"], ["optim.name=lars"].

  Args:
    methods: Names of methods, followed by @SHARE if the share is not 1, and
      by fields after spaces if the method has a variant of its own, such as
      "supervised method.view=strong optim.nesterov=True"; before it all there
      may be a name for tables and folders, "strong views: supervised ...".
    variants: Variants; each is combined with each method.

  Returns:
    The entries, those without a variant first.

  Raises:
    ValueError: If a method is unknown, a share is negative, or an entry is
      given twice.
  """
  plain = [_parse_method(text.strip()) for text in methods]
  entries = [
    *plain,
    *(
      entry._replace(
        variant=",".join(filter(None, (entry.variant, text))),
        label=entry.label and f"{entry.label} {text}",
      )
      for entry in plain
      for text in variants
    ),
  ]
  names = [entry.name for entry in entries]
  if len(set(names)) < len(names) or not names:
    raise UserError(
      f"--methods is {','.join(methods)!r} and --variant {list(variants)}, "
      "expected each of them once, and one method at least."
    )
  return entries


def parse_variant(text: str) -> dict[str, Any]:
  """Parses a variant such as "optim.name=lars,optim.peak_lr=1.0".

  Args:
    text: Text of the variant; empty: no fields.

  Returns:
    Values of the fields by dotted name.

  Raises:
    ValueError: If the text is not of this form.
  """
  fields = {}
  for item in filter(None, _NEXT_FIELD.split(text)):
    name, equals, value = item.partition("=")
    if not equals:
      raise UserError(
        f"--variant={text}: {item!r} is not of the form field=value."
      )
    try:
      fields[name] = ast.literal_eval(value)
    except (SyntaxError, ValueError):
      fields[name] = value  # a word
  return fields


def _parse_method(text: str) -> Entry:
  label = ""
  if named := _LABEL.fullmatch(text):
    label, text = named.groups()
  name, *fields = text.split() or [""]
  variant = ",".join(fields)
  method, _, share = name.partition("@")
  try:
    method_spec(method)
  except UserError as error:
    raise UserError(
      f"--methods has {method!r}, expected some of "
      f"{', '.join(method_names())}, or a module of your own, each with a "
      "share of the budget behind an @ if it is not 1, such as suncet@0.5."
    ) from error
  parse_variant(variant)
  return Entry(method, _share(text, share) if share else 1.0, variant, label)


def _share(text: str, share: str) -> float:
  try:
    value = float(share)
  except ValueError:
    value = -1.0
  if not (value >= 0 and math.isfinite(value)):
    raise UserError(
      f"--methods has {text!r}, expected a share of at least 0 behind the @."
    )
  return value
