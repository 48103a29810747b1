"""Reading of files, on disk or in a bucket, with one kind of error."""

import contextlib
import os
from collections.abc import Iterator

from etils import epath


def read(path: epath.PathLike) -> bytes:
  """Returns a whole file.

  Raises:
    OSError: If it cannot be read.
  """
  with _one_kind_of_error():
    return epath.Path(path).read_bytes()


def read_range(path: epath.PathLike, start: int, size: int) -> bytes:
  """Returns `size` bytes of a file, from byte `start` on.

  Raises:
    OSError: If they cannot be read, or the file ends before.
  """
  with _one_kind_of_error(), epath.Path(path).open("rb") as file:
    file.seek(start)
    content = file.read(size)
  if len(content) != size:
    raise OSError(f"{path} ends before byte {start + size}")
  return content


def files_below(folder: epath.PathLike) -> Iterator[str]:
  """Yields all files in a folder and its sub-folders, in order of their names.

  Hidden files and folders, whose names begin with a dot, are left out; links to
  folders are followed.

  Yields:
    Paths relative to `folder`, with "/" between their parts.

  Raises:
    OSError: If a folder cannot be read.
  """
  found, seen = [], set()
  with _one_kind_of_error():
    for root, folders, files in _walk(folder):
      real = os.path.realpath(root)
      if real in seen:  # a link to a folder above would go round for ever
        folders.clear()
        continue
      seen.add(real)
      folders[:] = [name for name in folders if not name.startswith(".")]
      within = os.path.relpath(root, folder)
      prefix = "" if within == "." else within + "/"
      found += [prefix + name for name in files if not name.startswith(".")]
  yield from sorted(found)


def _walk(
  folder: epath.PathLike,
) -> Iterator[tuple[str, list[str], list[str]]]:
  """Goes through a folder as `os.walk` does, following links."""

  def fail(error: OSError) -> None:
    raise error

  if "://" not in os.fspath(folder):
    yield from os.walk(folder, onerror=fail, followlinks=True)
    return
  for root, folders, files in epath.Path(folder).walk(on_error=fail):
    yield os.fspath(root), folders, files


def names_in(folder: epath.PathLike) -> set[str]:
  """Returns the names in a folder; none if there is no such folder."""
  try:
    with _one_kind_of_error():
      return {entry.name for entry in epath.Path(folder).iterdir()}
  except OSError:
    return set()


@contextlib.contextmanager
def _one_kind_of_error() -> Iterator[None]:
  """Makes an OSError of what the libraries of buckets raise instead."""
  try:
    yield
  except OSError:
    raise
  except Exception as error:
    raise OSError(f"{type(error).__name__}: {error}") from error
