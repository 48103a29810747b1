"""A loss costs no more than JAX to import."""

import subprocess
import sys

_SCRIPT = """
import sys
import suncet_jax.losses
heavy = {"flax", "optax", "tensorflow", "orbax", "clu", "sklearn"}
print(sorted(heavy & set(sys.modules)))
"""


def test_losses_import_only_jax():
  output = subprocess.run(
    [sys.executable, "-c", _SCRIPT],
    capture_output=True,
    text=True,
    check=True,
  )
  assert output.stdout.strip() == "[]"


def test_losses_are_there_when_they_are_asked_for():
  script = """
import sys, suncet_jax
assert "losses" in dir(suncet_jax) and "jax" not in sys.modules
print(suncet_jax.losses.suncet.__name__, "flax" in sys.modules)
"""
  output = subprocess.run(
    [sys.executable, "-c", script], capture_output=True, text=True, check=True
  )
  assert output.stdout.split() == ["suncet", "False"]
