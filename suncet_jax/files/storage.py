"""Files on disk or in a bucket, with one kind of error."""

import contextlib
import os
import uuid
from collections.abc import Iterator

from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.optional import absent


def in_bucket(path: epath.PathLike) -> bool:
  """Returns whether a path is in a bucket, such as gs://bucket/folder."""
  return "://" in os.fspath(path)


def read(path: epath.PathLike) -> bytes:
  """Returns the content of a whole file.

  Raises:
    OSError: If the file cannot be read.
  """
  with one_kind_of_error():
    return epath.Path(path).read_bytes()


def read_range(path: epath.PathLike, start: int, size: int) -> bytes:
  """Returns `size` bytes of a file, from byte `start` on.

  Raises:
    OSError: If the file cannot be read, or ends before.
  """
  with one_kind_of_error(), epath.Path(path).open("rb") as file:
    file.seek(start)
    content = file.read(size)
  if len(content) != size:
    raise OSError(f"{path} ends before byte {start + size}")
  return content


def write(path: epath.PathLike, content: bytes) -> None:
  """Writes a file atomically: a kill leaves the old content or the new.

  Raises:
    OSError: If the file cannot be written.
  """
  path = epath.Path(path)
  if in_bucket(path):  # an object appears once it is complete
    with one_kind_of_error():
      path.write_bytes(content)
    return
  path.parent.mkdir(parents=True, exist_ok=True)
  partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
  try:
    partial.write_bytes(content)
    partial.replace(path)
  finally:
    partial.unlink(missing_ok=True)


def files_below(folder: epath.PathLike) -> Iterator[str]:
  """Yields all files in a folder and its sub-folders, in order of their names.

  Hidden files and folders, whose names begin with a dot, are left out; links to
  folders are followed.

  Yields:
    Paths relative to `folder`, with "/" between their parts.

  Raises:
    OSError: If a folder cannot be read.
  """
  walk = _walk_bucket if in_bucket(folder) else _walk_disk
  with one_kind_of_error():
    names = sorted(walk(os.fspath(folder)))
  yield from names


def _walk_disk(folder: str) -> Iterator[str]:
  def fail(error: OSError) -> None:
    raise error

  seen = set()
  for root, folders, files in os.walk(folder, onerror=fail, followlinks=True):
    real = os.path.realpath(root)
    if real in seen:  # a link to a folder above would go round for ever
      folders.clear()
      continue
    seen.add(real)
    folders[:] = [name for name in folders if not name.startswith(".")]
    within = os.path.relpath(root, folder)
    prefix = "" if within == "." else within + "/"
    yield from (prefix + name for name in files if not name.startswith("."))


def _walk_bucket(folder: str, prefix: str = "") -> Iterator[str]:
  """Yields the files of a bucket, with one listing per folder."""
  # epath would make a request for every file, to see if it is a folder.
  for name in _listing(f"{folder}/{prefix}"):
    if name.startswith("."):
      continue
    if name.endswith("/"):
      yield from _walk_bucket(folder, prefix + name)
    else:
      yield prefix + name


def _listing(folder: str) -> list[str]:
  """Returns the names in a folder of a bucket; folders end in "/"."""
  import tensorflow as tf  # takes seconds to import, but epath has it already

  return tf.io.gfile.listdir(folder)


def folders_in(folder: epath.PathLike) -> list[str]:
  """Returns the names of the folders in a folder, without hidden ones.

  Raises:
    OSError: If the folder cannot be read.
  """
  with one_kind_of_error():
    if in_bucket(folder):
      names = _listing(os.fspath(folder))
      names = [name[:-1] for name in names if name.endswith("/")]
    else:
      entries = epath.Path(folder).iterdir()
      names = [entry.name for entry in entries if entry.is_dir()]
  return [name for name in names if not name.startswith(".")]


def names_in(folder: epath.PathLike) -> set[str]:
  """Returns the names in a folder; none if there is no such folder."""
  try:
    with one_kind_of_error():
      return {entry.name for entry in epath.Path(folder).iterdir()}
  except OSError:
    return set()


@contextlib.contextmanager
def one_kind_of_error() -> Iterator[None]:
  """Turns the errors of the libraries for buckets into OSError.

  Raises:
    OSError: In place of any other exception.
    UserError: If the packages that read buckets are not installed.
  """
  try:
    yield
  except OSError:
    raise
  except ImportError as error:
    raise UserError(f"A folder in a bucket {absent(error)}") from error
  except Exception as error:
    raise OSError(f"{type(error).__name__}: {error}") from error
