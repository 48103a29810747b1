"""All images of a split of TFDS, decoded in memory, from any file format."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from suncet_jax.data.arrays import CHANNELS, ArraySource
from suncet_jax.data.tfds.formats import (
  ARRAY_RECORD,
  TFRECORD,
  formats,
  use_format,
)
from suncet_jax.errors import UserError


def read_whole(
  builder: tfds.core.DatasetBuilder, split: str, advice: Callable[[str], str]
) -> ArraySource:
  """Reads all images of a split.

  Args:
    builder: Builder of a prepared data set.
    split: Name of the split, such as "train".
    advice: Function from a file format to the command that makes it.

  Raises:
    UserError: If the images do not fit into one array, or TFDS cannot read
      their file format here.
  """
  _check_shape(builder)
  for file_format in (TFRECORD, ARRAY_RECORD):
    if file_format in formats(builder):
      use_format(builder, file_format)
      break
  try:
    whole = _whole(builder, split)
  # Formats whose library is not installed, buckets and damaged files raise all
  # kinds of errors.
  except Exception as error:
    file_format = builder.info.file_format.value
    raise UserError(
      f"{builder.name} in {builder.data_path} cannot be read as {file_format}: "
      f"{error}. data.reading=memory needs {TFRECORD}, or {ARRAY_RECORD} on a "
      f"disk: {advice(TFRECORD)} converts it. If files are damaged, fetch or "
      "prepare it again."
    ) from error
  return ArraySource(whole["image"], whole["label"].astype(np.int32))


def _check_shape(builder: tfds.core.DatasetBuilder) -> None:
  shape = builder.info.features["image"].shape
  if None in shape:
    raise UserError(
      f"The images of {builder.name} differ in size and do not fit into "
      "one array. Set --config.data.reading=random."
    )
  if shape[-1] not in CHANNELS:
    raise UserError(
      f"The images of {builder.name} have {shape[-1]} channels; expected 1 or "
      "3. With --config.data.reading=random or streaming they are read as RGB, "
      "without transparency."
    )


def _whole(
  builder: tfds.core.DatasetBuilder, split: str
) -> Mapping[str, np.ndarray]:
  """Returns a split as one array per feature."""
  if builder.info.file_format.value != ARRAY_RECORD:
    return tfds.as_numpy(
      builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
    )
  # TFDS's own decoding of array_record has other bits for JPEG files.
  records = builder.as_data_source(split).data_source

  def serialized() -> Iterator[Any]:
    for index in range(len(records)):
      yield records[index]

  signature = tf.TensorSpec((), tf.string)
  examples = tf.data.Dataset.from_generator(
    serialized, output_signature=signature
  ).map(
    builder.info.features.deserialize_example,
    num_parallel_calls=tf.data.AUTOTUNE,
  )
  return tfds.as_numpy(examples.batch(len(records)).get_single_element())
