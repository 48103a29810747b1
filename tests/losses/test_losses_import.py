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
