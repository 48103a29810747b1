"""Sources from TensorFlow Datasets: in memory, by random access, streamed."""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.records import array_record, tfrecord
from suncet_jax.data.records.array_record import ArrayRecords
from suncet_jax.data.records.base import Records
from suncet_jax.data.records.index import Index, read_or_make
from suncet_jax.data.records.tfrecord import TfrecordRecords
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.tfds.downloads import out_of_reach
from suncet_jax.data.tfds.formats import (
  ARRAY_RECORD,
  TFRECORD,
  formats,
  use_format,
)
from suncet_jax.data.tfds.memory import read_whole
from suncet_jax.data.tfds.place import data_folder
from suncet_jax.devices.host import hide_accelerators
from suncet_jax.errors import UserError

_FORMATS = {"random": ARRAY_RECORD, "streaming": TFRECORD}


def load_tfds(config: ConfigDict) -> Dataset:
  """Loads `config.data.tfds_name`; downloads and prepares it if needed.

  Raises:
    ValueError: If TFDS has no such data set, or cannot prepare it here.
  """
  hide_accelerators()
  data = config.data
  builder = _builder(data)
  label = _label_feature(builder)

  def source(split: str) -> Source:
    if data.reading == "memory":
      return read_whole(builder, split, functools.partial(_advice, data))
    return EncodedSource.from_config(_records(builder, split), data)

  return Dataset(
    data.tfds_name,
    source("train"),
    source(data.test_split),
    tuple(label.names),
  )


def make_index(builder: tfds.core.DatasetBuilder, split: str) -> Index:
  """Returns the index of a prepared split; makes and keeps it if missing.

  Args:
    builder: Builder of a prepared data set.
    split: Name of the split, such as "train".
  """

  def make() -> Index:
    if _is_random_access(builder):
      return array_record.scan(_array_records(builder, split))
    return tfrecord.scan(_shards(builder, split))

  return read_or_make(
    builder.data_path,
    f"index-{split}-{builder.info.file_format.value}",
    builder.info.splits[split].num_examples,
    make,
  )


def _builder(data: ConfigDict) -> tfds.core.DatasetBuilder:
  try:
    builder = tfds.builder(data.tfds_name, data_dir=data_folder(data.data_dir))
  except tfds.core.DatasetNotFoundError as error:
    raise UserError(
      f"TFDS has no data set {data.tfds_name!r}. Set --config.data.tfds_name "
      "to one of https://www.tensorflow.org/datasets/catalog/overview."
    ) from error
  wanted = _FORMATS.get(data.reading)
  advice = _advice(data, wanted)
  try:
    if not builder.data_path.exists() and (url := out_of_reach(builder)):
      raise OSError(f"{url} cannot be reached from here.")
    builder.download_and_prepare(file_format=wanted)
  # Without network, space or manually downloaded files TFDS raises all kinds
  # of errors; the user needs the same advice for all of them.
  except Exception as error:
    raise UserError(
      f"TFDS could not prepare {data.tfds_name!r} in "
      f"{builder.data_path}: {error}\nPrepare it with {advice} where there is "
      "a network, and point --config.data.data_dir or $TFDS_DATA_DIR to its "
      "folder."
    ) from error
  if wanted:
    there = formats(builder)
    if wanted not in there:
      raise UserError(
        f"{data.tfds_name} in {builder.data_path} is available as "
        f"{' and '.join(sorted(there))}, but data.reading={data.reading} needs "
        f"{wanted}. Convert it with {advice}."
      )
    use_format(builder, wanted)
  for split in ("train", data.test_split):
    if split not in builder.info.splits:
      raise UserError(
        f"{data.tfds_name} has no split {split!r}, only "
        f"{', '.join(builder.info.splits)}. Set --config.data.test_split."
      )
  return builder


def _advice(data: ConfigDict, file_format: str | None) -> str:
  """Returns the command that makes a format, or else the default one."""
  return (
    f"'python -m suncet_jax.prepare --dataset={data.tfds_name}"
    + (f" --file_format={file_format}" if file_format else "")
    + (f" --data_dir={data.data_dir}'" if data.data_dir else "'")
  )


def _label_feature(
  builder: tfds.core.DatasetBuilder,
) -> tfds.features.ClassLabel:
  """Returns the labels' feature after checking that the data set is usable."""
  features = dict(builder.info.features.items())
  image, label = features.get("image"), features.get("label")
  if not isinstance(image, tfds.features.Image) or not isinstance(
    label, tfds.features.ClassLabel
  ):
    raise UserError(
      f"{builder.name} has the features {', '.join(features)}; expected an "
      "Image named 'image' and a ClassLabel named 'label'."
    )
  if np.dtype(image.np_dtype) != np.uint8:
    raise UserError(
      f"The images of {builder.name} are {np.dtype(image.np_dtype)}; expected "
      "uint8."
    )
  return label


def _records(builder: tfds.core.DatasetBuilder, split: str) -> Records:
  """Returns the encoded images of a split, in the builder's format."""
  index = make_index(builder, split)
  if _is_random_access(builder):
    return ArrayRecords(_array_records(builder, split), index)
  return TfrecordRecords(_shards(builder, split), index)


def _is_random_access(builder: tfds.core.DatasetBuilder) -> bool:
  return builder.info.file_format.value == ARRAY_RECORD


def _array_records(
  builder: tfds.core.DatasetBuilder, split: str
) -> Sequence[bytes]:
  # TFDS's own source would also decode; the one below it returns bytes.
  return builder.as_data_source(split).data_source


def _shards(
  builder: tfds.core.DatasetBuilder, split: str
) -> list[tfrecord.Shard]:
  info = builder.info.splits[split]
  return [
    tfrecord.Shard(path, count)
    for path, count in zip(info.filepaths, info.shard_lengths, strict=True)
  ]
