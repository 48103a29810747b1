"""Image files, or videos, with their classes."""

from typing import NamedTuple

from suncet_jax.files.text import readable

UNLABELLED = ""  # the class name of images without one


class Kind(NamedTuple):
  """A kind of files.

  Attributes:
    noun: What one is called in messages.
    suffixes: What their names end in, in lower case.
  """

  noun: str
  suffixes: tuple[str, ...]

  def has(self, name: str) -> bool:
    """Returns whether the suffix of a name is that of such a file."""
    return name.lower().endswith(self.suffixes)


IMAGES = Kind("image", (".jpg", ".jpeg", ".png", ".webp", ".bmp"))
VIDEOS = Kind(
  "video",
  (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"),
)


class Item(NamedTuple):
  """An image file.

  Attributes:
    path: Path or URL of the file.
    name: Path within its folder, or as written in the CSV file; readable.
    label: Name of its class, as written; empty means unlabelled.
    line: Line of the CSV file; 0 for a file that a folder holds.
  """

  path: str
  name: str
  label: str
  line: int = 0


def join(folder: str, name: str) -> str:
  """Returns the path of a file; a full path or URL stays unchanged."""
  return name if name.startswith("/") or "://" in name else f"{folder}/{name}"


def described(item: Item) -> str:
  """Returns line, path and label of an image, for messages."""
  line = f"line {item.line}: " if item.line else ""
  label = readable(item.label) if item.label else "no label"
  return f"{line}{readable(item.path)} ({label})"
