"""Files on disk or in a bucket, with one kind of error."""

import contextlib
import glob
import os
import uuid
from collections.abc import Iterator

from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.optional import absent


def in_bucket(path: epath.PathLike) -> bool:
  """Returns whether a path is in a bucket, such as gs://bucket/folder."""
  return "://" in os.fspath(path)


def absolute(path: epath.PathLike) -> epath.Path:
  """Returns a path that names the same from any working folder."""
  whole = expanded(path)
  return whole if in_bucket(path) else epath.Path(os.path.abspath(whole))


def read(path: epath.PathLike) -> bytes:
  """Returns the content of a whole file.

  Raises:
    OSError: If the file cannot be read.
  """
  with one_kind_of_error():
    return expanded(path).read_bytes()


def read_range(path: epath.PathLike, start: int, size: int) -> bytes:
  """Returns `size` bytes of a file, from byte `start` on.

  Raises:
    OSError: If the file cannot be read, or ends before.
  """
  with one_kind_of_error(), expanded(path).open("rb") as file:
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
  path = expanded(path)
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


def matching(folder: epath.PathLike, pattern: str) -> Iterator[epath.Path]:
  """Yields what matches a pattern in a folder, whose own name is literal."""
  yield from epath.Path(glob.escape(os.fspath(folder))).glob(pattern)


def names_in(folder: epath.PathLike) -> set[str]:
  """Returns the names in a folder; none if there is no such folder."""
  try:
    with one_kind_of_error():
      return {entry.name for entry in expanded(folder).iterdir()}
  except OSError:
    return set()


@contextlib.contextmanager
def one_kind_of_error() -> Iterator[None]:
  """Turns the errors of the libraries for buckets into OSError.

  Raises:
    OSError: In place of any other exception, but for our own.
    UserError: If the packages that read buckets are not installed.
  """
  try:
    yield
  except (OSError, UserError):
    raise
  except ImportError as error:
    raise UserError(f"A folder in a bucket {absent(error)}") from error
  except Exception as error:
    raise OSError(f"{type(error).__name__}: {error}") from error
