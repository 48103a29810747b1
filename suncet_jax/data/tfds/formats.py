"""File formats of a prepared TFDS data set, which may have several."""

import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_info

from suncet_jax.errors import UserError

ARRAY_RECORD, TFRECORD = "array_record", "tfrecord"


def formats(builder: tfds.core.DatasetBuilder) -> set[str]:
  """Returns the file formats that a prepared data set is available in.

  Raises:
    ValueError: If the folder does not hold a complete data set.
  """
  # TFDS's own `available_file_formats` forgets those added by a conversion.
  try:
    proto = dataset_info.read_proto_from_builder_dir(builder.data_path)
  except dataset_info.DatasetInfoFileError as error:
    raise UserError(
      f"{builder.data_path} is there, but holds no whole data set ({error}). "
      "Remove it, and run the same command again."
    ) from error
  return dataset_info.available_file_formats(proto)


def use_format(builder: tfds.core.DatasetBuilder, file_format: str) -> None:
  """Makes a builder read the given one of its available formats."""
  builder.info.set_file_format(
    file_format, override=True, override_if_initialized=True
  )
