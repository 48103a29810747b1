"""The user's own image files as a data set.

Either class sub-folders, `cat/1.jpg`, or a CSV file with the columns `path` and
`label`, where an empty label means unlabelled. Images without any label can
also lie in a folder of their own.
"""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.data.folder.classes import Classes
from suncet_jax.data.folder.distinct import check_distinct, without_known
from suncet_jax.data.folder.items import IMAGES, Item, Kind
from suncet_jax.data.folder.listing import labelled_images, unlabelled_images
from suncet_jax.data.folder.missing_labels import labels_settled
from suncet_jax.data.folder.split_off import split_off
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.source import Dataset
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import readable

_PLACES = ("train", "test", "unlabelled")


class FileRecords:
  """Image files, local or in a bucket.

  Attributes:
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: Paths of the files within their folder.
    paths: Paths or URLs of the files.
  """

  def __init__(self, items: Sequence[Item], classes: Classes) -> None:
    """Initializes without reading.

    Args:
      items: Image files.
      classes: All classes that occur.
    """
    self.labels = np.array([classes.number(i.label) for i in items], np.int32)
    self.names = [item.name for item in items]
    self.paths = [item.path for item in items]

  def read(self, index: int) -> bytes:
    """Returns the content of a file.

    Raises:
      OSError: If the file cannot be read.
    """
    return storage.read(self.paths[index])


class Files(NamedTuple):
  """The image files of a data set.

  Attributes:
    train: Training images, unlabelled ones too.
    test: Test images.
    classes: Names of the classes, by label.
  """

  train: FileRecords
  test: FileRecords
  classes: tuple[str, ...]


def load_folder(config: ConfigDict) -> Dataset:
  """Loads the data set that `config.data` points to.

  Raises:
    ValueError: As of `list_files`.
  """
  files, data = list_files(config), config.data
  name = readable(pathlib.PurePath(data.train).name)
  train, test = (
    EncodedSource.from_config(records, data)
    for records in (files.train, files.test)
  )
  return Dataset(name, train, test, files.classes)


def list_files(config: ConfigDict, kind: Kind = IMAGES) -> Files:
  """Lists the files of the data set that `config.data` points to.

  Args:
    config: Configuration of the run.
    kind: Kind of the files.

  Raises:
    ValueError: If a folder or CSV file cannot be read or holds no image, a
      class is empty or named twice, a file occurs twice, a test image has no
      class or is trained on, or no test set can be split off.
  """
  data = config.data
  # In a bucket, "a//b" and "a/b" are different objects.
  place = {n: os.fspath(expanded(data[n])) for n in _PLACES}
  train = labels_settled(
    f"data.train {place['train']!r}",
    labelled_images("data.train", place["train"], kind=kind),
    data.class_names,
  )
  if data.unlabelled:
    # Those that train lists with their labels may lie there, too.
    others = unlabelled_images("data.unlabelled", place["unlabelled"], kind)
    train += without_known(others, train)
  classes = Classes(train)
  if data.test_fraction:
    check_distinct(train, ())
    train, test = split_off(train, classes, data.test_fraction, data.test_seed)
  else:
    test = labels_settled(
      f"data.test {place['test']!r}",
      labelled_images("data.test", place["test"], classes.names, kind),
      data.class_names,
    )
    check_distinct(train, test)
    classes.check_test(test, place["test"])
  classes.warn_of_spellings([*train, *test])
  return Files(
    FileRecords(train, classes), FileRecords(test, classes), classes.names
  )
