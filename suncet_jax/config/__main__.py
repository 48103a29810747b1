"""Prints all fields of a configuration as tables in Markdown.

python -m suncet_jax.config
"""

from collections.abc import Iterator
from typing import Any

from suncet_jax import plugins
from suncet_jax.config.data_fields import OTHER_VIEWS
from suncet_jax.config.schema import all_fields
from suncet_jax.console import streams, terminal
from suncet_jax.fields import Field, Fields, flatten

_COLUMNS = "| field | default | expected | meaning |\n|---|---|---|---|"


def tables() -> str:
  """Returns the tables, with those of every method."""
  fields: dict[str, Any] = {}
  for method in plugins.method_names():
    fields |= all_fields(method)
  single = {n: f for n, f in fields.items() if isinstance(f, Field)}
  parts = ["\n".join(_table(single, ""))]
  for name, group in fields.items():
    if name == "method":
      parts += _methods()
    elif not isinstance(group, Field):
      parts.append(_section(name, group))
  return "\n\n".join(part.strip() for part in parts) + "\n"


def _methods() -> Iterator[str]:
  names = ", ".join(f"`{name}`" for name in plugins.method_names())
  yield (
    "## config.method\n\n`config.method.name` is one of "
    f"{names}, or [the module of your own](own_method.md)."
  )
  for name in plugins.method_names():
    spec = plugins.method_spec(name)
    title = f"### {spec.title}: `{name}`\n\n{spec.summary}"
    table = "\n".join(_table(spec.fields, "method."))
    yield f"{title}\n\n{table}" if spec.fields else f"{title} No fields."


def _section(name: str, fields: Fields) -> str:
  table = "\n".join(_table(fields, f"{name}."))
  note = ""
  if name in OTHER_VIEWS:
    having = [
      f"`{method}`"
      for method in plugins.method_names()
      if name in plugins.method_spec(method).views
    ]
    note = f"Of {', '.join(having)}; size, mean and std are of `augment`.\n\n"
  if name == "optim":
    note = (
      "`optim.parts.PART` may hold, for a part of the model (`backbone`, a "
      "head or another network of the method), those of these fields that "
      "differ there, but for layers by depth: "
      "[how](own_method.md#further-players-generators-critics).\n\n"
    )
  return f"## config.{name}\n\n{note}{table}"


def _table(fields: Fields, prefix: str) -> Iterator[str]:
  yield _COLUMNS
  for name, field in flatten(fields, prefix).items():
    expected = field.check.expected if field.check else ""
    mark = "" if field.decides_result else " ○"
    cells = (f"`{name}`{mark}", f"`{field.default!r}`", expected, field.doc)
    yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
  streams.prepare()
  terminal.say(tables().removesuffix("\n"))
