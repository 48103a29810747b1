"""Checks that class folders are where they belong, each there once."""

import os
import posixpath
from collections.abc import Collection, Sequence

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import join
from suncet_jax.errors import UserError
from suncet_jax.files.text import readable


def check_level(
  setting: str, place: str, files: Sequence[str], known: Collection[str]
) -> None:
  """Checks that a folder is not one level above the class folders.

  Args:
    setting: Name of the configuration's field, for messages.
    place: Folder that should hold the class folders.
    files: Images below it, as paths relative to it.
    known: Names of classes that are known already.

  Raises:
    UserError: If all images lie in sub-folders of a single folder, which is no
      known class.
  """
  folders = {posixpath.dirname(name) for name in files}
  common = posixpath.commonpath(folders)
  if not common or common in folders:
    return
  if readable(common.partition("/")[0]) in known:
    return
  start = len(common) + 1
  below = sorted({name[start:].partition("/")[0] for name in folders})
  raise UserError(
    f"{setting} {place!r} holds one class folder only, "
    f"{common.partition('/')[0]}, and its images lie in {shorten(below)} of "
    f"{common}: it is too high by a level. Set --config.{setting} to "
    f"{join(place, common)!r}, where each sub-folder is a class. (If all are "
    f"of one class, move them into {common} itself.)"
  )


def check_classes_apart(
  setting: str, place: str, again: Sequence[tuple[str, str]]
) -> None:
  """Checks that no folder belongs to two classes by way of links.

  Args:
    setting: Name of the configuration's field, for messages.
    place: Folder that holds the class folders.
    again: Folders that were found before by another path, with that path.

  Raises:
    UserError: If a folder is there in two classes.
  """
  apart = [
    f"{one} and {other} ({os.path.realpath(join(place, one))})"
    for other, one in again
    if one.partition("/")[0] != other.partition("/")[0]
  ]
  if apart:
    raise UserError(
      f"{setting} {place!r} holds {len(apart)} folders in two classes, by way "
      f"of links: {shorten(apart)}. Remove one of each."
    )
