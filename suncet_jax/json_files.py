"""JSON files that are there in full or not at all."""

import json
from typing import Any

from etils import epath

from suncet_jax.data import storage


def read_json(path: epath.PathLike) -> dict[str, Any]:
  """Reads a JSON object.

  Raises:
    OSError: If the file cannot be read.
    ValueError: If it holds none; the message names the file.
  """
  try:
    content = json.loads(storage.read(path).decode())
  except ValueError as error:
    raise ValueError(f"{path} is not valid JSON: {error}") from error
  if not isinstance(content, dict):
    raise ValueError(
      f"{path} must hold a JSON object, got {type(content).__name__}"
    )
  return content


def read_json_if_there(path: epath.PathLike) -> dict[str, Any]:
  """Reads a JSON object as `read_json` does; {} if there is no file."""
  return read_json(path) if epath.Path(path).is_file() else {}


def write_json(path: epath.PathLike, value: Any) -> None:
  """Writes JSON so that a kill leaves the old file or the new one."""
  storage.write(path, as_json(value).encode())


def as_json(value: Any) -> str:
  """Returns a value as the text of a file."""
  return json.dumps(value, indent=2) + "\n"
