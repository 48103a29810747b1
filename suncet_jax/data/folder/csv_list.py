"""CSV lists of image files with their labels, as people write them."""

import csv
import os
from collections.abc import Iterator, Sequence

from etils import epath

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.finder import Finder
from suncet_jax.data.folder.items import UNLABELLED, Item, join
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import decoded, is_utf8, lines, readable

_COLUMNS = ("path", "label")
_QUOTES = "look there for a quotation mark that is missing or out of place"
_SHOWN_CHARACTERS = 100
_LONGEST_LABEL = 500  # more than the name of a folder may have


def images_of_csv(
  setting: str, path: epath.Path, *, needs_label: bool = True
) -> list[Item]:
  """Reads `path,label` lines; paths are relative to the CSV file's folder.

  Args:
    setting: Name of the configuration's field, for messages.
    path: CSV file, in UTF-8, or in UTF-16 with its mark.
    needs_label: Whether there must be a column of labels; otherwise labels are
      not read, and other columns may be there.

  Returns:
    The images, in the order of the file.

  Raises:
    ValueError: If the file cannot be read, or lists files that do not exist;
      the message names the line.
  """
  where = f"{setting} {readable(str(path))!r}"
  try:
    text = decoded(storage.read(path))
  except (OSError, ValueError) as error:
    raise UserError(
      f"{where} cannot be read ({error}); expected a CSV file in UTF-8."
    ) from error
  rows = list(_rows(where, text, _COLUMNS if needs_label else _COLUMNS[:1]))
  if not rows:
    raise UserError(f"{where} lists no image.")
  finder = Finder(str(path.parent))
  found = [finder.find(_at_home(name)) for _, name, _ in rows]
  _check_found(where, path.parent, rows, found)
  finder.warn_of_forms(where)
  return [
    Item(join(str(path.parent), there), readable(name), label, line)
    for (line, name, label), there in zip(rows, found, strict=True)
    if there is not None
  ]


def _at_home(name: str) -> str:
  """Returns a path with ~ replaced."""
  is_at_home = name.partition("/")[0] == "~"
  return os.fspath(expanded(name)) if is_at_home else name


def _rows(
  where: str, text: str, wanted: Sequence[str]
) -> Iterator[tuple[int, str, str]]:
  """Yields line number, path and label; columns may be in any order."""
  table = _fields(where, text)
  _, header = next(table, (1, []))
  columns = [name.strip().lower() for name in header]
  if any(columns.count(name) != 1 for name in wanted):
    expected = (
      f"the columns {','.join(wanted)}, each once, with a comma between them"
      if len(wanted) > 1
      else f"a column {wanted[0]}, once"
    )
    raise UserError(
      f"{where} begins with {_shown(header)}, expected {expected}."
    )
  path, *label = map(columns.index, wanted)
  for line, fields in table:
    if not fields:
      continue
    if len(fields) != len(columns):
      raise UserError(
        f"{where}, line {line}: {len(fields)} fields, expected {len(columns)} "
        "as in the first line; put quotes round a comma or a line break."
      )
    text = _label(where, line, fields[label[0]]) if label else UNLABELLED
    yield line, fields[path].strip(), text


def _fields(where: str, text: str) -> Iterator[tuple[int, list[str]]]:
  """Yields the number of its first line and the fields of each row."""
  # Blanks at the end of a line are invisible: behind a quotation mark too they
  # must not be an error.
  ended = (line.rstrip() + "\n" for line in lines(text))
  reader = csv.reader(ended, skipinitialspace=True, strict=True)
  while True:
    line = reader.line_num + 1
    try:
      fields = next(reader, None)
    except csv.Error as error:
      raise UserError(f"{where}, line {line}: {error}; {_QUOTES}.") from error
    if fields is None:
      return
    yield line, fields


def _label(where: str, line: int, text: str) -> str:
  """Returns a label without blanks around it."""
  label = text.strip()
  if "\n" in label or len(label) > _LONGEST_LABEL:
    raise UserError(
      f"{where}, line {line}: the label {_shown(label)} goes over several "
      f"lines or {_LONGEST_LABEL} characters; {_QUOTES}."
    )
  if label and not any(map(str.isprintable, label)):
    raise UserError(
      f"{where}, line {line}: the label {_shown(label)} cannot be seen. Leave "
      "it empty, or name the class."
    )
  if not is_utf8(label):
    raise UserError(
      f"{where}, line {line}: the label {_shown(label)} is not in UTF-8. Save "
      "the file in UTF-8."
    )
  return label


def _check_found(
  where: str,
  folder: epath.Path,
  rows: Sequence[tuple[int, str, str]],
  found: Sequence[str | None],
) -> None:
  """Checks that all files of a CSV file exist."""
  missing = [
    (line, name)
    for (line, name, _), there in zip(rows, found, strict=True)
    if there is None
  ]
  if not missing:
    return
  shown = [f"line {line}: {_shown(name)}" for line, name in missing]
  advice = ""
  if not all(is_utf8(name) for _, name in missing):
    advice = " The list is not in UTF-8: save it in UTF-8."
  raise UserError(
    f"{where}: {len(missing)} of {len(rows)} files do not exist: "
    f"{shorten(shown)}. Paths are relative to {folder}.{advice}"
  )


def _shown(value: str | Sequence[str]) -> str:
  """Returns a text or its parts between quotes, cut off if very long."""
  text = repr(readable(value) if isinstance(value, str) else [*value])
  cut = _SHOWN_CHARACTERS
  return text if len(text) <= cut else f"{text[:cut]}..."
