"""Sources from TensorFlow Datasets: in memory, or JPEG files on disk."""

import numpy as np
import tensorflow_datasets as tfds
from ml_collections import ConfigDict

from suncet_jax.data.jpeg import JpegSource
from suncet_jax.data.sources import ArraySource, Dataset, Source
from suncet_jax.data.tensorflow import hide_accelerators


def load(config: ConfigDict) -> Dataset:
  """Loads `config.data.tfds_name`, downloading and preparing it if need be.

  Raises:
    ValueError: If TFDS has no such data set, or cannot prepare it here.
  """
  hide_accelerators()
  data = config.data
  builder = _builder(data)
  label = _label_feature(builder)
  make = _jpeg_source if data.jpeg else _array_source
  return Dataset(
    data.tfds_name,
    make(builder, "train", data),
    make(builder, data.test_split, data),
    tuple(label.names),
  )


def _builder(data: ConfigDict) -> tfds.core.DatasetBuilder:
  file_format = {"file_format": "array_record"} if data.jpeg else {}
  try:
    builder = tfds.builder(
      data.tfds_name, data_dir=data.data_dir or None, **file_format
    )
  except tfds.core.DatasetNotFoundError as error:
    raise ValueError(
      f"TFDS has no data set {data.tfds_name!r}. Set --config.data.tfds_name "
      "to one of https://www.tensorflow.org/datasets/catalog/overview."
    ) from error
  try:
    builder.download_and_prepare()
  # Without network, space or manually downloaded files TFDS raises whatever
  # its parts raise; the user needs the same advice for all of it.
  except Exception as error:
    option = " --file_format=array_record" if data.jpeg else ""
    raise ValueError(
      f"TFDS could not prepare {data.tfds_name!r} in "
      f"{builder.data_path}: {error}\nPrepare it with 'tfds build "
      f"{data.tfds_name}{option}' where there is a network, and point "
      "--config.data.data_dir or $TFDS_DATA_DIR to its folder."
    ) from error
  for split in ("train", data.test_split):
    if split not in builder.info.splits:
      raise ValueError(
        f"{data.tfds_name} has no split {split!r}, only "
        f"{', '.join(builder.info.splits)}. Set --config.data.test_split."
      )
  return builder


def _label_feature(
  builder: tfds.core.DatasetBuilder,
) -> tfds.features.ClassLabel:
  """Returns the labels' feature, once the data set is known to be usable."""
  features = dict(builder.info.features.items())
  image, label = features.get("image"), features.get("label")
  if not isinstance(image, tfds.features.Image) or not isinstance(
    label, tfds.features.ClassLabel
  ):
    raise ValueError(
      f"{builder.name} has the features {', '.join(features)}; expected an "
      "Image named 'image' and a ClassLabel named 'label'."
    )
  if np.dtype(image.np_dtype) != np.uint8:
    raise ValueError(
      f"The images of {builder.name} are {np.dtype(image.np_dtype)}; expected "
      "uint8."
    )
  return label


def _array_source(
  builder: tfds.core.DatasetBuilder, split: str, data: ConfigDict
) -> Source:
  del data
  if None in builder.info.features["image"].shape:
    raise ValueError(
      f"The images of {builder.name} differ in size: they cannot be held as "
      "one array. Set --config.data.jpeg=True."
    )
  whole = tfds.as_numpy(
    builder.as_dataset(split=split, batch_size=-1, shuffle_files=False)
  )
  return ArraySource(whole["image"], whole["label"].astype(np.int32))


def _jpeg_source(
  builder: tfds.core.DatasetBuilder, split: str, data: ConfigDict
) -> Source:
  records = builder.as_data_source(
    split, decoders={"image": tfds.decode.SkipDecoding()}
  )
  return JpegSource.open(
    records,
    index_file=builder.data_path / f"suncet_jax-index-{split}.npz",
    resize=data.resize,
    centre_crop=data.centre_crop,
  )
