"""Lists of image files with their classes: from folders or CSV files."""

import collections
import csv
import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from absl import logging
from etils import epath

from suncet_jax.data import storage

UNLABELLED = ""  # the class name of images without one

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
_COLUMNS = ["path", "label"]
_NAMED = 5  # offenders that a message names


class Item(NamedTuple):
  """An image file.

  Attributes:
    path: Where it is.
    name: The same within its folder, or as the CSV file has it.
    label: The name of its class; empty: unlabelled.
  """

  path: str
  name: str
  label: str


def labelled_images(setting: str, place: str) -> list[Item]:
  """Lists the images of class sub-folders, or of a CSV file.

  Args:
    setting: The configuration's field, for messages.
    place: A folder with one sub-folder per class, or a CSV file with the
      columns path (relative to the file's folder) and label (empty:
      unlabelled).

  Returns:
    The images, sorted by path, or in the order of the CSV file.

  Raises:
    ValueError: If it cannot be read, holds no image, or is contradictory.
  """
  path = epath.Path(place)
  if path.suffix.lower() == ".csv":
    return _of_csv(setting, path)
  files = _images_in(setting, place)
  loose = [name for name in files if "/" not in name]
  if loose:
    raise ValueError(
      f"{setting} {place!r} holds images outside of class sub-folders: "
      f"{first(loose)}. Move them into sub-folders named after their classes, "
      "or images without a class to a folder of their own "
      "(--config.data.unlabelled)."
    )
  items = [
    Item(_join(place, name), name, name.partition("/")[0]) for name in files
  ]
  _check_no_empty_class(setting, path, {item.label for item in items})
  return items


def unlabelled_images(setting: str, place: str) -> list[Item]:
  """Lists all images below a folder, as unlabelled ones.

  Raises:
    ValueError: If it cannot be read, or holds no image.
  """
  files = _images_in(setting, place)
  return [Item(_join(place, name), name, UNLABELLED) for name in files]


def first(items: Sequence[str]) -> str:
  """Names the first offenders and says how many more there are."""
  more = len(items) - _NAMED
  shown = ", ".join(items[:_NAMED])
  return f"{shown} and {more} more" if more > 0 else shown


def _images_in(setting: str, place: str) -> list[str]:
  """Lists the images below a folder, as paths relative to it."""
  try:
    names = list(storage.files_below(place))
  except OSError as error:
    raise ValueError(
      f"{setting} {place!r} cannot be read ({error}); expected a folder of "
      f"images. Set --config.{setting}."
    ) from error
  images = [name for name in names if name.lower().endswith(_IMAGES)]
  if not images:
    raise ValueError(
      f"{setting} {place!r} holds no image; expected files that end in "
      f"{', '.join(_IMAGES)}. Set --config.{setting}."
    )
  if len(images) < len(names):
    logging.warning(
      "%s: %d files below %s are no images by their name and are left out.",
      setting,
      len(names) - len(images),
      place,
    )
  return images


def _of_csv(setting: str, path: epath.Path) -> list[Item]:
  """Reads `path,label` lines; paths are relative to the CSV file's folder."""
  try:
    text = storage.read(path).decode("utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(
      f"{setting} {str(path)!r} cannot be read ({error}); expected a CSV file "
      "in UTF-8."
    ) from error
  lines = csv.DictReader(io.StringIO(text))
  if (lines.fieldnames or [])[: len(_COLUMNS)] != _COLUMNS:
    raise ValueError(
      f"{setting} {str(path)!r} begins with {lines.fieldnames}, expected the "
      f"columns {','.join(_COLUMNS)}."
    )
  rows = [
    (lines.line_num, (row["path"] or "").strip(), (row["label"] or "").strip())
    for row in lines
  ]
  _check_files(setting, path, rows)
  folder = str(path.parent)
  return [Item(_join(folder, name), name, label) for _, name, label in rows]


def _check_files(
  setting: str, path: epath.Path, rows: Sequence[tuple[int, str, str]]
) -> None:
  """Checks that all files of a CSV file exist, each once."""
  if not rows:
    raise ValueError(f"{setting} {str(path)!r} lists no image.")
  there = _existing(path.parent, [name for _, name, _ in rows])
  missing = [f"line {n}: {name!r}" for n, name, _ in rows if name not in there]
  if missing:
    raise ValueError(
      f"{setting} {str(path)!r}: {len(missing)} of {len(rows)} files do not "
      f"exist: {first(missing)}. Paths are relative to {path.parent}."
    )
  counts = collections.Counter(name for _, name, _ in rows)
  twice = [repr(name) for name, count in counts.items() if count > 1]
  if twice:
    raise ValueError(
      f"{setting} {str(path)!r} lists {len(twice)} files more than once: "
      f"{first(twice)}."
    )


def _existing(folder: epath.Path, names: Iterable[str]) -> set[str]:
  """Returns those names that are files; one listing per folder is enough."""
  by_folder = collections.defaultdict(set)
  for name in names:
    parent, _, _ = name.rpartition("/")
    by_folder[parent].add(name)
  there = set()
  for parent, members in by_folder.items():
    prefix = f"{parent}/" if parent else ""
    place = _join(str(folder), parent) if parent else folder
    listed = {prefix + name for name in storage.names_in(place)}
    there |= members & listed
  return there


def _check_no_empty_class(
  setting: str, path: epath.Path, filled: set[str]
) -> None:
  folders = [
    entry.name
    for entry in path.iterdir()
    if entry.is_dir() and not entry.name.startswith(".")
  ]
  empty = sorted(set(folders) - filled)
  if empty:
    raise ValueError(
      f"{setting} {str(path)!r} has {len(empty)} class folders without an "
      f"image: {first(empty)}. Fill or remove them."
    )


def _join(folder: str, name: str) -> str:
  return name if name.startswith("/") or "://" in name else f"{folder}/{name}"
