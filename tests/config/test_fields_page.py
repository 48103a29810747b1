"""The tables of all fields, which are made of their declarations."""

import running

from suncet_jax import plugins
from suncet_jax.config import base
from suncet_jax.config.__main__ import tables


def test_the_command_prints_them():
  code, output = running.run("suncet_jax.config", timeout=60)
  assert code == 0
  assert output == tables()


def test_every_field_of_every_method_is_in_them():
  text = tables()
  for method in plugins.method_names():
    for name in _leaves(base(method)):
      if name != "method.name":
        assert f"| `{name}`" in text, name


def test_a_row_gives_default_bound_and_meaning():
  assert (
    "| `optim.momentum` | `0.9` | at least 0 and below 1 | Momentum of the "
    "updates. |"
  ) in tables()
  assert "| `log.every_steps` ○ |" in tables()


def _leaves(config, prefix=""):
  for name, value in config.items():
    if hasattr(value, "items"):
      yield from _leaves(value, f"{prefix}{name}.")
    else:
      yield prefix + name
