"""JSON, CSV and npz files, with one kind of error for damaged ones."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import encoded


def read_json(path: epath.PathLike) -> dict[str, Any]:
  """Reads a JSON object.

  Raises:
    OSError: If the file cannot be read.
    ValueError: If the file holds no JSON object; the message names the file.
  """
  try:
    content = json.loads(storage.read(path).decode())
  except ValueError as error:
    raise UserError(f"{path} is not valid JSON: {error}") from error
  if not isinstance(content, dict):
    raise UserError(
      f"{path} must hold a JSON object, got {type(content).__name__}"
    )
  return content


def read_json_if_there(path: epath.PathLike) -> dict[str, Any]:
  """Reads a JSON object like `read_json`; {} if there is no file."""
  return read_json(path) if expanded(path).is_file() else {}


def write_json(path: epath.PathLike, value: Any) -> None:
  """Writes JSON atomically: a kill leaves the old file or the new one."""
  storage.write(path, as_json(value).encode())


def as_json(value: Any) -> str:
  """Returns a value as the text of a JSON file."""
  return json.dumps(value, indent=2) + "\n"


def write_csv(
  path: epath.PathLike, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
  """Writes a table atomically: a kill leaves the old file or the new one."""
  buffer = io.StringIO()
  writer = csv.writer(buffer, lineterminator="\n")
  writer.writerow(columns)
  writer.writerows(rows)
  storage.write(path, encoded(buffer.getvalue()))


def read_npz(content: bytes) -> dict[str, np.ndarray]:
  """Returns the arrays of an npz file by name; nothing is ever unpickled.

  Args:
    content: Content of the file.

  Raises:
    ValueError: If it is not an intact npz file of plain arrays. The message
      begins with "it".
  """
  incomplete = "it is no npz file, or an incomplete one"
  if not zipfile.is_zipfile(io.BytesIO(content)):
    raise UserError(incomplete)
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
      return {name: file[name] for name in file.files}
  except Exception as error:  # a damaged file raises nearly any kind
    if "allow_pickle" in str(error):
      raise UserError(
        "it holds pickled Python objects, which are never loaded; expected "
        "plain arrays"
      ) from error
    raise UserError(f"{incomplete} ({error})") from error
