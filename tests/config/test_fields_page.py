"""The page of all fields, which is made of their declarations."""

import running

from suncet_jax import plugins
from suncet_jax.config import base
from suncet_jax.config.__main__ import page


def test_the_page_in_the_documentation_is_up_to_date():
  kept = (running.ROOT / "docs" / "fields.md").read_text()
  assert kept == page(), "python -m suncet_jax.config > docs/fields.md"


def test_it_names_every_field_of_every_method():
  text = page()
  for method in plugins.method_names():
    for name in _leaves(base(method)):
      if name != "method.name":
        assert f"| `{name}`" in text, name


def _leaves(config, prefix=""):
  for name, value in config.items():
    if hasattr(value, "items"):
      yield from _leaves(value, f"{prefix}{name}.")
    else:
      yield prefix + name
