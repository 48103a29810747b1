"""Prints all fields of a configuration as tables in Markdown.

python -m suncet_jax.config
"""

from collections.abc import Iterator

from suncet_jax import plugins
from suncet_jax.config.schema import all_fields
from suncet_jax.console import streams, terminal
from suncet_jax.fields import Field, Fields, flatten

_COLUMNS = "| field | default | expected | meaning |\n|---|---|---|---|"


def tables() -> str:
  """Returns the tables, with those of every method."""
  fields = dict(all_fields(plugins.method_names()[0]))
  single = {n: f for n, f in fields.items() if isinstance(f, Field)}
  parts = ["\n".join(_table(single, ""))]
  for name, group in fields.items():
    if name == "method":
      parts += _methods()
    elif not isinstance(group, Field):
      parts.append(_section(f"config.{name}", group, f"{name}."))
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


def _section(title: str, fields: Fields, prefix: str) -> str:
  table = "\n".join(_table(fields, prefix))
  return f"## {title}\n\n{table}"


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
