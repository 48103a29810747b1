"""Prints what the package needs without TensorFlow, one requirement a line.

    pip install -r <(python tools/core_requirements.py)
    pip install --no-deps -e .

All works then but TFDS data sets, TensorBoard files and folders in a bucket.
"""

import pathlib
import tomllib

_PROJECT = pathlib.Path(__file__).resolve().parents[1] / "pyproject.toml"
# Marks what is only installed where TensorFlow has a wheel.
_MARKER = "python_version < '3.14'"


def core_requirements() -> list[str]:
  """Returns the requirements without those that TensorFlow's marker is on."""
  project = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))["project"]
  return [line for line in project["dependencies"] if _MARKER not in line]


if __name__ == "__main__":
  print("\n".join(core_requirements()))
