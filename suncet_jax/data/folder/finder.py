"""Finds listed files on the disk, in either form of Unicode."""

import functools
from collections.abc import Mapping

from absl import logging

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import join
from suncet_jax.files import storage
from suncet_jax.files.text import composed, readable


class Finder:
  """Finds files by paths relative to a folder, with one listing per folder.

  A name with accents has two forms that look alike, and systems change them:
  where the disk does not have the one, the other is found.
  """

  def __init__(self, folder: str) -> None:
    """Initializes without reading.

    Args:
      folder: Folder that paths are relative to.
    """
    self._folder = folder
    self._names = functools.cache(self._list)
    self._by_form = functools.cache(self._compose)
    self._other_form: list[str] = []

  def find(self, name: str) -> str | None:
    """Returns the path by which a file exists, or None.

    Args:
      name: Path of the file, relative, absolute or a URL.
    """
    there = self._find(name)
    if there not in (None, name):
      self._other_form.append(readable(name))
    return there

  def warn_of_forms(self, where: str) -> None:
    """Warns once if files were found by another form of their names.

    Args:
      where: List that names the files, for the message.
    """
    if self._other_form:
      logging.warning(
        "%s: %d paths are in another form of Unicode than on the disk "
        "(composed and decomposed) and are taken as the same: %s.",
        where,
        len(self._other_form),
        shorten(self._other_form),
      )

  def _find(self, name: str) -> str | None:
    parent, slash, last = name.rpartition("/")
    parent = parent or slash  # of "/file" the root
    if parent and not self._names(parent):
      # The folder itself may have the other form; a bucket's is not looked for.
      other = None if "://" in parent or parent == "/" else self._find(parent)
      if other in (None, parent):
        return None
      parent = str(other)
    if last not in self._names(parent):
      last = self._by_form(parent).get(composed(last), "")
    start = parent if parent == "/" else parent + slash
    return start + last if last else None

  def _list(self, parent: str) -> set[str]:
    place = join(self._folder, parent) if parent else self._folder
    return storage.names_in(place)

  def _compose(self, parent: str) -> Mapping[str, str]:
    # Of two files that look alike always the same.
    return {composed(name): name for name in sorted(self._names(parent))}
