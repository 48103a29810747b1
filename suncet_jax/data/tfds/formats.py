"""File formats of a prepared TFDS data set, which may have several."""

import os

import tensorflow_datasets as tfds
from tensorflow_datasets.core import dataset_info

from suncet_jax.devices.host import has_home
from suncet_jax.errors import UserError

ARRAY_RECORD, TFRECORD = "array_record", "tfrecord"


def check_place(data_dir: str | None, setting: str) -> None:
  """Checks that TFDS has a folder for its data: by default one of the home.

  Args:
    data_dir: Chosen folder; empty or None means the default.
    setting: Setting that chooses it, for the message.

  Raises:
    ValueError: If it would be a folder `~` in the working directory.
  """
  if not (data_dir or os.environ.get("TFDS_DATA_DIR") or has_home()):
    raise UserError(
      "This user has no home folder, where TFDS has its data by default: set "
      f"{setting} or $TFDS_DATA_DIR."
    )


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
