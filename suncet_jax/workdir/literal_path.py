"""Paths that Orbax and TensorStore take literally.

Orbax looks for its own files with the unescaped path of the folder as a part of
a pattern: of a checkpoint in "run[1]" it merges nothing, with a warning, and
nobody can read it. TensorStore takes a backslash for a slash.
"""

import os
import re

from etils import epath

from suncet_jax.errors import UserError
from suncet_jax.files import storage

_SPECIAL = re.compile(r"[*?\[\]\\]")
_NO_UTF8 = re.compile("[\ud800-\udfff]")  # Python's stand-ins for such bytes
_DESCRIPTORS = "/proc/self/fd"  # Linux: the open files and folders of a process


def check(folder: epath.PathLike) -> None:
  """Checks that checkpoints can be kept in a folder of this name.

  Raises:
    UserError: If they cannot; the message names the character.
  """
  text, in_bucket = os.fspath(folder), storage.in_bucket(folder)
  wrong, reason = _NO_UTF8.search(text), "is not UTF-8"
  if not wrong and (in_bucket or not os.path.isdir(_DESCRIPTORS)):
    where = "in a bucket" if in_bucket else "on a system without /proc"
    wrong, reason = _SPECIAL.search(text), f"{where} no checkpoint can have"
  if wrong:
    raise UserError(
      f"--workdir: the path {text!a} has the character {wrong[0]!a}, which "
      f"{reason}. Use another --workdir."
    )


class LiteralPath:
  """A folder, and a path to it without special characters.

  Attributes:
    path: Path to use in place of the folder's, until `close`.
  """

  def __init__(self, folder: epath.Path) -> None:
    """Opens the folder if its path needs it.

    Raises:
      UserError: If there is no such path here; see `check`.
      OSError: If the folder cannot be opened.
    """
    check(folder)
    self.path = folder
    self._descriptor: int | None = None
    if _SPECIAL.search(os.fspath(folder)):
      self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
      self.path = epath.Path(_DESCRIPTORS) / str(self._descriptor)

  def close(self) -> None:
    """Closes the folder."""
    if self._descriptor is not None:
      os.close(self._descriptor)
      self._descriptor = None
