"""Draws images of each class of a data set."""

import itertools
from collections.abc import Iterator

import numpy as np

from suncet_jax.data.clips.picture import mosaics
from suncet_jax.data.errors import DataError, ImageError
from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import by_class
from suncet_jax.files import storage
from suncet_jax.report.contact_sheet import Group, Tile, contact_sheet

_SHOWN_CLASSES = 40
_TRAIN, _TEST = 6, 2  # images of a class


def write_pictures(path: str, dataset: Dataset) -> None:
  """Writes a sheet with some images of each class, and of those without one.

  Args:
    path: File to write, *.png.
    dataset: Data set to draw.
  """
  groups = list(_groups(dataset))
  storage.write(path, contact_sheet(groups, columns=_TRAIN + _TEST))


def _groups(dataset: Dataset) -> Iterator[Group]:
  names = dataset.class_names
  train, test = (
    by_class(source.labels, len(names))
    for source in (dataset.train, dataset.test)
  )
  shown = itertools.islice(zip(names, train, test, strict=True), _SHOWN_CLASSES)
  for name, known, held in shown:
    title = f"{name}: {known.size:,} to train with, {held.size:,} to test with"
    tiles = [
      *_tiles(dataset.train, known, _TRAIN),
      *_tiles(dataset.test, held, _TEST, "test"),
    ]
    yield Group(title, tiles)
  if len(names) > _SHOWN_CLASSES:
    yield Group(f"and {len(names) - _SHOWN_CLASSES:,} more classes", ())
  others = np.flatnonzero(dataset.train.labels < 0)
  if others.size:
    tiles = list(_tiles(dataset.train, others, _TRAIN + _TEST))
    yield Group(f"{others.size:,} without a label", tiles)


def _tiles(
  source: Source, rows: np.ndarray, most: int, *lines: str
) -> Iterator[Tile]:
  """Yields images spread evenly over rows, without those that are bad."""
  count = min(most, rows.size)
  for place in np.linspace(0, rows.size - 1, count).astype(int):
    image = _image(source, int(rows[place]))
    if image is not None:
      yield Tile(image, lines)


def _image(source: Source, index: int) -> np.ndarray | None:
  """Returns an image, whole where it is a file; None if it is bad.

  Of a clip it has four frames.
  """
  if not isinstance(source, EncodedSource):
    try:
      (images,) = source.images([np.array([index])])
    except DataError:  # which the check has named
      return None
    return mosaics(images)[0]
  try:
    return EncodedImage(source.records.read(index)).pixels()
  except (ImageError, OSError):  # which the check has named
    return None
