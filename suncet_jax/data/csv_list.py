"""CSV files that list images with their classes."""

import collections
import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from etils import epath

from suncet_jax.data import storage
from suncet_jax.data.items import Item, first, join

_COLUMNS = ("path", "label")


def images_of_csv(setting: str, path: epath.Path) -> list[Item]:
  """Reads `path,label` lines; paths are relative to the CSV file's folder.

  Args:
    setting: The configuration's field, for messages.
    path: The CSV file, in UTF-8.

  Returns:
    The images, in its order.

  Raises:
    ValueError: If it cannot be read, or lists a file that is not there.
  """
  try:
    text = storage.read(path).decode("utf-8-sig")
  except (OSError, UnicodeDecodeError) as error:
    raise ValueError(
      f"{setting} {str(path)!r} cannot be read ({error}); expected a CSV file "
      "in UTF-8."
    ) from error
  rows = list(_rows(f"{setting} {str(path)!r}", text))
  _check_files(setting, path, rows)
  folder = str(path.parent)
  return [Item(join(folder, name), name, label) for _, name, label in rows]


def _rows(where: str, text: str) -> Iterator[tuple[int, str, str]]:
  """Yields line number, path and label; columns may be in any order."""
  lines = csv.reader(io.StringIO(text), skipinitialspace=True)
  header = next(lines, [])
  columns = [name.strip().lower() for name in header]
  if not set(_COLUMNS) <= set(columns):
    raise ValueError(
      f"{where} begins with {header}, expected the columns "
      f"{','.join(_COLUMNS)}."
    )
  path, label = map(columns.index, _COLUMNS)
  for fields in lines:
    if not fields:
      continue
    if len(fields) != len(columns):
      raise ValueError(
        f"{where}, line {lines.line_num}: {len(fields)} fields, expected "
        f"{len(columns)} as in the first line; put quotes round a comma."
      )
    yield lines.line_num, fields[path].strip(), fields[label].strip()


def _check_files(
  setting: str, path: epath.Path, rows: Sequence[tuple[int, str, str]]
) -> None:
  """Checks that all files of a CSV file exist."""
  if not rows:
    raise ValueError(f"{setting} {str(path)!r} lists no image.")
  there = _existing(path.parent, [name for _, name, _ in rows])
  missing = [f"line {n}: {name!r}" for n, name, _ in rows if name not in there]
  if missing:
    raise ValueError(
      f"{setting} {str(path)!r}: {len(missing)} of {len(rows)} files do not "
      f"exist: {first(missing)}. Paths are relative to {path.parent}."
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
    place = join(str(folder), parent) if parent else folder
    listed = {prefix + name for name in storage.names_in(place)}
    there |= members & listed
  return there
