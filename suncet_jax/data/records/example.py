"""Records of TFDS: serialized `tf.train.Example`s with one image each."""

from typing import NamedTuple

import tensorflow as tf

from suncet_jax.data.errors import ImageError


class Example(NamedTuple):
  """The fields of a record that this package uses.

  Attributes:
    image: Encoded image.
    label: Label; -1 means unlabelled.
    name: Name of the image file, or None.
  """

  image: bytes
  label: int
  name: str | None


def parse(serialized: bytes) -> Example:
  """Parses a record of TFDS with features image, label and file_name.

  Raises:
    ImageError: If the record is damaged or has other features.
  """
  try:
    example = tf.train.Example.FromString(serialized)
    feature = example.features.feature
    (image,) = feature["image"].bytes_list.value
    label = feature["label"].int64_list.value
    name = feature["file_name"].bytes_list.value
  except Exception as error:  # protobuf's own class depends on its version
    raise ImageError(f"the record is damaged ({error})") from error
  return Example(
    image,
    label[0] if label else -1,
    name[0].decode("utf-8", "backslashreplace") if name else None,
  )
