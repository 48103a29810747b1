"""Image files with their classes."""

from typing import NamedTuple

UNLABELLED = ""  # the class name of images without one


class Item(NamedTuple):
  """An image file.

  Attributes:
    path: Path or URL of the file.
    name: Path within its folder, or as written in the CSV file.
    label: Name of its class; empty means unlabelled.
  """

  path: str
  name: str
  label: str


def join(folder: str, name: str) -> str:
  """Returns the path of a file; a full path or URL stays unchanged."""
  return name if name.startswith("/") or "://" in name else f"{folder}/{name}"
