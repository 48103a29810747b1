"""The user's own image files as a data set.

Either class sub-folders, `cat/1.jpg`, or a CSV file with the columns `path` and
`label`, where an empty label means unlabelled. Images without any label can
also lie in a folder of their own.
"""

import collections
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import UNLABELLED, Item, check_distinct
from suncet_jax.data.folder.listing import labelled_images, unlabelled_images
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.source import Dataset
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded

_PLACES = ("train", "test", "unlabelled")


class FileRecords:
  """Image files, local or in a bucket.

  Attributes:
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: Paths of the files within their folder.
  """

  def __init__(self, items: Sequence[Item], class_names: Sequence[str]) -> None:
    """Initializes without reading.

    Args:
      items: Image files.
      class_names: Names of all classes that occur, by label.
    """
    number = {name: i for i, name in enumerate(class_names)}
    number[UNLABELLED] = -1
    self.labels = np.array([number[item.label] for item in items], np.int32)
    self.names = [item.name for item in items]
    self._paths = [item.path for item in items]

  def read(self, index: int) -> bytes:
    """Returns the content of a file.

    Raises:
      OSError: If the file cannot be read.
    """
    return storage.read(self._paths[index])


def load_folder(config: ConfigDict) -> Dataset:
  """Loads the data set that `config.data` points to, by listing its files.

  Raises:
    ValueError: If a folder or CSV file cannot be read or holds no image, a
      class is empty or named twice, a test image has no class or is trained on.
  """
  data = config.data
  # In a bucket, "a//b" and "a/b" are different objects.
  place = {n: os.fspath(expanded(data[n])) for n in _PLACES}
  train = labelled_images("data.train", place["train"])
  if data.unlabelled:
    train += unlabelled_images("data.unlabelled", place["unlabelled"])
  class_names = _class_names(train)
  test = labelled_images("data.test", place["test"])
  check_distinct(train, test)
  _check_test(test, class_names, data.test)

  def source(items: Sequence[Item]) -> EncodedSource:
    return EncodedSource.from_config(FileRecords(items, class_names), data)

  name = pathlib.PurePath(data.train).name
  return Dataset(name, source(train), source(test), class_names)


def _class_names(items: Iterable[Item]) -> tuple[str, ...]:
  """Returns all classes, sorted; none may differ from another by case only."""
  names = sorted({item.label for item in items} - {UNLABELLED})
  if not names:
    raise UserError(
      "data.train has no labelled image; expected class sub-folders, or a CSV "
      "file with labels, so that there is something to supervise and evaluate "
      "with."
    )
  by_fold = collections.defaultdict(list)
  for name in names:
    by_fold[name.casefold()].append(name)
  twice = [" and ".join(same) for same in by_fold.values() if len(same) > 1]
  if twice:
    raise UserError(
      f"Classes differ in upper and lower case only: {shorten(twice)}. Rename "
      "one of each, or merge them."
    )
  return tuple(names)


def _check_test(
  items: Sequence[Item], class_names: Sequence[str], place: str
) -> None:
  known = set(class_names)
  wrong = [item for item in items if item.label not in known]
  if wrong:
    shown = [f"{item.path} ({item.label or 'no label'})" for item in wrong]
    raise UserError(
      f"data.test {place!r}: {len(wrong)} of {len(items)} images are of no "
      f"class of the training images: {shorten(shown)}. The classes are "
      f"{shorten(class_names)}."
    )
