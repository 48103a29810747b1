"""Configuration files on the command line: the user's own, or ours.

Our configurations come with the package. `configs/digits.py`, `digits.py` and
`digits` name one of them in any folder in which no such file is.
"""

import runpy
from pathlib import Path

from ml_collections import ConfigDict

from suncet_jax.errors import UserError


def packaged() -> dict[str, Path]:
  """Returns the configurations that come with the package, by name."""
  package = Path(__file__).resolve().parents[1]
  folder = package / "configs"  # of an installed package
  if not folder.is_dir():
    folder = package.parent / "configs"  # of a checkout
  return {path.stem: path for path in sorted(folder.glob("*.py"))}


def located(reference: str) -> str:
  """Returns a `file.py` or `file.py:argument` with the path of its file.

  Raises:
    UserError: If there is no such file.
  """
  name, colon, argument = reference.partition(":")
  path = Path(name).expanduser()
  if not path.is_file():
    ours = packaged()
    is_ours = path.parent in (Path(), Path("configs"))
    if not is_ours or path.suffix not in ("", ".py") or path.stem not in ours:
      known = ", ".join(f"configs/{path.name}" for path in ours.values())
      kind = "is a folder" if path.is_dir() else "is not there"
      raise UserError(
        f"--config {name!r} {kind}; expected a file of yours, or one of those "
        f"that come with the package: {known}."
      )
    path = ours[path.stem]
  return f"{path}{colon}{argument}"


def load_config(reference: str) -> ConfigDict:
  """Loads a configuration as --config does, for use in Python.

  Args:
    reference: Name of a configuration that comes with the package, or path of
      a file; with an argument behind a colon if need be.

  Returns:
    The configuration, to be changed at will.

  Raises:
    UserError: If there is no such file, or the argument has faults.

  Example:
    >>> from suncet_jax.config import load_config
    >>> load_config("digits:labels=4").data.labelled.per_class
    4
  """
  path, _, argument = located(reference).partition(":")
  config: ConfigDict = runpy.run_path(path)["get_config"](argument)
  return config
