"""A small TFDS data set of JPEG files that any machine can make."""

import io

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image


class ColourBlocks(tfds.core.GeneratorBasedBuilder):
  """Images of three colours and varying size."""

  VERSION = tfds.core.Version("1.0.0")

  def _info(self):
    features = {
      "image": tfds.features.Image(
        shape=(None, None, 3), encoding_format="jpeg"
      ),
      "label": tfds.features.ClassLabel(names=["red", "green", "blue"]),
      "file_name": tfds.features.Text(),
    }
    return tfds.core.DatasetInfo(
      builder=self, features=tfds.features.FeaturesDict(features)
    )

  def _split_generators(self, manager):
    del manager
    return {
      "train": self._generate_examples(30),
      "validation": self._generate_examples(9),
    }

  def _generate_examples(self, count):
    for i in range(count):
      pixels = np.zeros((40 + i % 5, 50 + i % 7, 3), np.uint8)
      pixels[..., i % 3] = 200
      file = io.BytesIO()
      Image.fromarray(pixels).save(file, "JPEG", quality=95)
      yield (
        i,
        {
          "image": io.BytesIO(file.getvalue()),
          "label": i % 3,
          "file_name": f"image{i:02d}.JPEG",
        },
      )


def prepare(folder):
  """Writes the data set as array_record, for random access."""
  ColourBlocks(
    data_dir=folder, file_format="array_record"
  ).download_and_prepare()
