"""Files of the repository that are in no package: configurations and tools."""

import pathlib
import runpy
from typing import Any

from ml_collections import ConfigDict

_ROOT = pathlib.Path(__file__).parents[2]


def load_file(path: str) -> dict[str, Any]:
  """Returns the definitions of a Python file by name.

  Args:
    path: Path of the file, relative to the repository.
  """
  return runpy.run_path(str(_ROOT / path))


def load_config(name: str, argument: str = "") -> ConfigDict:
  """Returns a configuration.

  Args:
    name: Name of a file in configs/, without its ending.
    argument: Argument of the file, such as "method=simclr".
  """
  return load_file(f"configs/{name}.py")["get_config"](argument)
