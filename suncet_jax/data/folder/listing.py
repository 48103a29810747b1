"""Lists of image files with their classes, from folders and CSV files."""

import collections
import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence

from absl import logging
from etils import epath

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import UNLABELLED, Item, join
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def labelled_images(setting: str, place: str) -> list[Item]:
  """Lists the images of class sub-folders, or of a CSV file.

  Args:
    setting: Name of the configuration's field, for messages.
    place: Folder with one sub-folder per class, or CSV file with the columns
      path (relative to the file's folder) and label (empty means unlabelled).

  Returns:
    The images, sorted by path, or in the order of the CSV file.

  Raises:
    ValueError: If the place cannot be read, holds no image, or is
      inconsistent.
  """
  path = expanded(place)
  if path.suffix.lower() == ".csv":
    return images_of_csv(setting, path)
  files = _images_in(setting, place)
  loose = [name for name in files if "/" not in name]
  if loose:
    raise UserError(
      f"{setting} {place!r} holds images outside of class sub-folders: "
      f"{shorten(loose)}. Move them into sub-folders named after their "
      "classes, or images without a class to a folder of their own "
      "(--config.data.unlabelled)."
    )
  items = [
    Item(join(place, name), name, name.partition("/")[0]) for name in files
  ]
  _check_no_empty_class(setting, place, {item.label for item in items})
  return items


def unlabelled_images(setting: str, place: str) -> list[Item]:
  """Lists all images below a folder, without labels.

  Raises:
    ValueError: If the folder cannot be read, or holds no image.
  """
  files = _images_in(setting, place)
  return [Item(join(place, name), name, UNLABELLED) for name in files]


def _images_in(setting: str, place: str) -> list[str]:
  """Lists the images below a folder, as paths relative to it."""
  try:
    names = list(storage.files_below(place))
  except OSError as error:
    raise UserError(
      f"{setting} {place!r} cannot be read ({error}); expected a folder of "
      f"images. Set --config.{setting}."
    ) from error
  images = [name for name in names if name.lower().endswith(_IMAGES)]
  others = [name for name in names if not name.lower().endswith(_IMAGES)]
  if not images:
    raise UserError(
      f"{setting} {place!r} holds no image; expected files that end in "
      f"{', '.join(_IMAGES)}. Set --config.{setting}."
    )
  if others:
    logging.warning(
      "%s: %d files below %s have no image suffix and are left out: %s.",
      setting,
      len(others),
      place,
      shorten(others),
    )
  return images


def _check_no_empty_class(setting: str, place: str, filled: set[str]) -> None:
  empty = sorted(set(storage.folders_in(place)) - filled)
  if empty:
    raise UserError(
      f"{setting} {place!r} has {len(empty)} class folders without an "
      f"image: {shorten(empty)}. Fill or remove them."
    )


_COLUMNS = ("path", "label")


def images_of_csv(setting: str, path: epath.Path) -> list[Item]:
  """Reads `path,label` lines; paths are relative to the CSV file's folder.

  Args:
    setting: Name of the configuration's field, for messages.
    path: CSV file, in UTF-8.

  Returns:
    The images, in the order of the file.

  Raises:
    ValueError: If the file cannot be read, or lists files that do not exist.
  """
  try:
    text = storage.read(path).decode("utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(
      f"{setting} {str(path)!r} cannot be read ({error}); expected a CSV file "
      "in UTF-8."
    ) from error
  rows = list(_rows(f"{setting} {str(path)!r}", text))
  _check_files(setting, path, rows)
  folder = str(path.parent)
  return [Item(_place(folder, name), name, label) for _, name, label in rows]


def _place(folder: str, name: str) -> str:
  """Returns the path of a file or folder that a CSV file names."""
  is_at_home = name.partition("/")[0] == "~"
  return join(folder, os.fspath(expanded(name)) if is_at_home else name)


def _rows(where: str, text: str) -> Iterator[tuple[int, str, str]]:
  """Yields line number, path and label; columns may be in any order."""
  lines = csv.reader(io.StringIO(text), skipinitialspace=True)
  header = next(lines, [])
  columns = [name.strip().lower() for name in header]
  if not set(_COLUMNS) <= set(columns):
    raise UserError(
      f"{where} begins with {header}, expected the columns "
      f"{','.join(_COLUMNS)}."
    )
  path, label = map(columns.index, _COLUMNS)
  for fields in lines:
    if not fields:
      continue
    if len(fields) != len(columns):
      raise UserError(
        f"{where}, line {lines.line_num}: {len(fields)} fields, expected "
        f"{len(columns)} as in the first line; put quotes round a comma."
      )
    yield lines.line_num, fields[path].strip(), fields[label].strip()


def _check_files(
  setting: str, path: epath.Path, rows: Sequence[tuple[int, str, str]]
) -> None:
  """Checks that all files of a CSV file exist."""
  if not rows:
    raise UserError(f"{setting} {str(path)!r} lists no image.")
  there = _existing(path.parent, [name for _, name, _ in rows])
  missing = [f"line {n}: {name!r}" for n, name, _ in rows if name not in there]
  if missing:
    raise UserError(
      f"{setting} {str(path)!r}: {len(missing)} of {len(rows)} files do not "
      f"exist: {shorten(missing)}. Paths are relative to {path.parent}."
    )


def _existing(folder: epath.Path, names: Iterable[str]) -> set[str]:
  """Returns the names that are files, with one listing per folder."""
  by_folder = collections.defaultdict(set)
  for name in names:
    parent, _, _ = name.rpartition("/")
    by_folder[parent].add(name)
  there = set()
  for parent, members in by_folder.items():
    prefix = f"{parent}/" if parent else ""
    place = _place(str(folder), parent) if parent else folder
    listed = {prefix + name for name in storage.names_in(place)}
    there |= members & listed
  return there
