"""JPEG files with random access: decoded, cropped and resized on the host."""

import contextlib
import itertools
import uuid
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging
from etils import epath

from suncet_jax.data.sources import Crop, Rows

_RECORDS_AT_ONCE = 1024
_CROP_TRIES = 10  # as torchvision


class JpegSource:
  """Encoded images behind an index.

  Attributes:
    labels: int32 [n].
    names: File names, or None where the data set has none.
    image_shape: (h, w, c) of what `images` gives.
    crops_on_host: True: `views` gives ready crops.
  """

  crops_on_host = True

  def __init__(
    self,
    records: Sequence[dict[str, Any]],
    labels: np.ndarray,
    names: Sequence[str] | None,
    *,
    resize: int,
    centre_crop: int,
  ) -> None:
    """Stores what `open` has read.

    Args:
      records: Gives {"image": encoded bytes, ...} by index.
      labels: int32 [n].
      names: File names in the same order, or None.
      resize: Evaluation resizes the short side to so many pixels ...
      centre_crop: ... and takes the centre of this size.
    """
    self.labels, self.names = labels, names
    self.image_shape = (centre_crop, centre_crop, 3)
    self._records, self._resize = records, resize

  @classmethod
  def open(
    cls,
    records: Sequence[dict[str, Any]],
    *,
    index_file: epath.Path,
    resize: int,
    centre_crop: int,
  ) -> "JpegSource":
    """Opens records, with labels and names from an index file.

    The first time every record is read once to make the index, which is then
    kept beside the data where that is writable.
    """
    labels, names = _read_index(records, index_file)
    return cls(records, labels, names, resize=resize, centre_crop=centre_crop)

  def views(self, batches: Iterable[Rows], crop: Crop) -> Iterator[np.ndarray]:
    """Gives uint8 [b, v, size, size, 3]: v random crops of each image.

    An image is decoded once for all its views. Each crop depends on its seed
    only.
    """

    def load(index: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
      image = self._decoded(index)
      return tf.map_fn(
        lambda seed: _random_crop(image, seed, crop),
        seeds,
        fn_output_signature=tf.uint8,
      )

    return _pipeline(batches, load, tf.uint32)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Gives uint8 [b, h, w, 3]: the centre of each image after resizing."""
    rows = (Rows(i, np.zeros((len(i), 1), np.uint32)) for i in batches)
    return _pipeline(
      rows,
      lambda index, _: _centre(
        self._decoded(index), self._resize, self.image_shape[0]
      ),
      tf.uint32,
    )

  def _decoded(self, index: tf.Tensor) -> tf.Tensor:
    encoded = tf.numpy_function(
      lambda i: self._records[int(i)]["image"], [index], tf.string
    )
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return image


def _pipeline(
  batches: Iterable[Rows], load: Callable[..., tf.Tensor], kind: tf.DType
) -> Iterator[np.ndarray]:
  """Loads the rows of batches in parallel, in order, ahead of their use."""
  batches = iter(batches)
  first = next(batches, None)
  if first is None:
    return iter(())
  stream = tf.data.Dataset.from_generator(
    lambda: itertools.chain([tuple(first)], map(tuple, batches)),
    output_signature=(
      tf.TensorSpec((None,), tf.int64),
      tf.TensorSpec((None, *first.seeds.shape[1:]), kind),
    ),
  )
  stream = stream.unbatch().map(
    load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
  )
  # All batches have the size of the first, but for the last one.
  return stream.batch(len(first.indices)).prefetch(2).as_numpy_iterator()


def _random_crop(image: tf.Tensor, seed: tf.Tensor, crop: Crop) -> tf.Tensor:
  """A crop of random area and shape, resized; the whole image if none fits."""
  begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
    tf.shape(image),
    tf.constant([[[0.0, 0.0, 1.0, 1.0]]]),
    seed=tf.bitcast(seed, tf.int32),
    min_object_covered=0.0,
    aspect_ratio_range=crop.ratio,
    area_range=crop.scale,
    max_attempts=_CROP_TRIES,
  )
  return _resized(tf.slice(image, begin, extent), crop.size, crop.size)


def _centre(image: tf.Tensor, resize: int, size: int) -> tf.Tensor:
  height, width = tf.shape(image)[0], tf.shape(image)[1]
  short = tf.minimum(height, width)
  height, width = height * resize // short, width * resize // short
  image = _resized(image, height, width)
  top, left = (height - size) // 2, (width - size) // 2
  image = image[top : top + size, left : left + size]
  image.set_shape((size, size, 3))
  return image


def _resized(image: tf.Tensor, height: Any, width: Any) -> tf.Tensor:
  """Bilinear with anti-aliasing, as PIL's, rounded to uint8."""
  image = tf.image.resize(image, (height, width), antialias=True)
  return tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)


def _read_index(
  records: Sequence[dict[str, Any]], index_file: epath.Path
) -> tuple[np.ndarray, list[str] | None]:
  """Returns labels and names: from the index file, or from every record."""
  # No index yet, or a damaged one: it is made again below.
  absent = (OSError, ValueError, KeyError, zipfile.BadZipFile)
  with (
    contextlib.suppress(*absent),
    index_file.open("rb") as file,
    np.load(file) as index,
  ):
    if len(index["labels"]) == len(records):
      return index["labels"], index["names"].tolist() or None
  logging.warning(
    "Reading %d records once for their labels and names; the index is kept in "
    "%s.",
    len(records),
    index_file,
  )
  labels, names = _scan(records)
  try:
    # Renamed when whole, under a name of this process's own.
    partial = index_file.with_name(f"{index_file.name}.{uuid.uuid4().hex}")
    with partial.open("wb") as file:
      np.savez_compressed(file, labels=labels, names=np.array(names))
    partial.replace(index_file)
  except OSError as error:
    logging.warning("The index could not be kept: %s", error)
  return labels, names or None


def _scan(records: Sequence[Any]) -> tuple[np.ndarray, list[str]]:
  labels: list[int] = []
  names: list[str] = []
  for start in range(0, len(records), _RECORDS_AT_ONCE):
    rows = range(start, min(start + _RECORDS_AT_ONCE, len(records)))
    for record in records.__getitems__(list(rows)):  # type: ignore[attr-defined]
      labels.append(record["label"])
      if "file_name" in record:
        names.append(record["file_name"].decode())
  return np.array(labels, np.int32), names
