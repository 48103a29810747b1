"""Image files of all kinds, from a photograph that comes with scikit-learn."""

import io

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image


def photograph(height=60, width=80, shift=0):
  """Returns a part of a photograph, uint8 [height, width, 3]."""
  china = load_sample_image("china.jpg")
  return np.ascontiguousarray(
    china[shift : shift + 4 * height : 4, shift : shift + 4 * width : 4]
  )


def encode(pixels, kind="PNG", **options):
  """Returns the file of an array of pixels, or of a Pillow image."""
  is_array = isinstance(pixels, np.ndarray)
  image = Image.fromarray(pixels) if is_array else pixels
  file = io.BytesIO()
  image.save(file, kind, **options)
  return file.getvalue()


class Memory:
  """Records that lie in memory."""

  def __init__(self, files, labels=None, names=None):
    count = len(files)
    self.labels = np.zeros(count, np.int32) if labels is None else labels
    self.names = names
    self.files = files

  def read(self, index):
    return self.files[index]
