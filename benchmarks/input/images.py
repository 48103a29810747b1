"""The rows of the input table: photographs, the same for every column."""

import functools
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.harness.files import load_file

_ARRAYS = "arrays.npy"

# Fields of our `Augmentation`, which torchvision's transforms take as well.
_SIMCLR: dict[str, Any] = {
  "crop_scale": [0.08, 1.0],
  "crop_ratio": [3 / 4, 4 / 3],
  "flip_prob": 0.5,
  "jitter_prob": 0.8,
  "brightness": 0.8,
  "contrast": 0.8,
  "saturation": 0.8,
  "hue": 0.2,
  "grayscale_prob": 0.2,
  "blur_prob": 0.5,
  "blur_sigma": [0.1, 2.0],
}
_CIFAR: dict[str, Any] = {
  **_SIMCLR,
  "size": 32,
  "brightness": 0.4,
  "contrast": 0.4,
  "saturation": 0.4,
  "hue": 0.1,
}
# FixMatch's views of CIFAR. An operation is certain here, as in torchvision's
# RandAugment; in ours its time does not depend on that.
_WEAK: dict[str, Any] = {
  "size": 32,
  "crop_scale": None,
  "pad_crop": 4,
  "flip_prob": 0.5,
  "jitter_prob": 0.0,
  "grayscale_prob": 0.0,
  "blur_prob": 0.0,
}
_STRONG: dict[str, Any] = {
  **_WEAK,
  "operations": 2,
  "operation_prob": 1.0,
  "cutout": 0.5,
}


class ImageSet(NamedTuple):
  """Images and the two views that are made of each.

  Attributes:
    title: Title in the table.
    images: Images of a step; there are no others.
    shape: Width and height of an image, in pixels.
    is_encoded: Whether they are JPEG files, else arrays.
    augment: Fields of an `Augmentation`.
    second: Fields for the second view, if they are others.
  """

  title: str
  images: int
  shape: tuple[int, int]
  is_encoded: bool
  augment: dict[str, Any]
  second: dict[str, Any] | None = None

  @property
  def both(self) -> list[dict[str, Any]]:
    """Fields of the first and of the second view."""
    return [self.augment, self.second or self.augment]


ROWS = {
  "arrays": ImageSet(
    "arrays of 32x32, CIFAR recipe",
    256,
    (32, 32),
    False,
    {**_CIFAR, "blur_prob": 0.0},
  ),
  "arrays_blur": ImageSet(
    "arrays of 32x32, CIFAR recipe with blur", 256, (32, 32), False, _CIFAR
  ),
  "weak_strong": ImageSet(
    "arrays of 32x32, a weak and a strong view",
    256,
    (32, 32),
    False,
    _WEAK,
    _STRONG,
  ),
  "jpegs": ImageSet(
    "JPEGs of 500x375, views of 224x224, ImageNet recipe",
    64,
    (500, 375),
    True,
    {**_SIMCLR, "size": 224},
  ),
  "tiny": ImageSet(
    "tiny (a test of this program)",
    4,
    (40, 30),
    True,
    {**_SIMCLR, "size": 8, "jitter_prob": 0.0, "blur_prob": 0.0},
  ),
}


class MemoryRecords:
  """A few image files in memory, as the `Records` of an `EncodedSource`.

  They stand for any number of records.

  Attributes:
    labels: int32 [n].
    names: None.
  """

  names = None

  def __init__(self, files: Sequence[bytes], labels: np.ndarray) -> None:
    """Stores files, which are returned in turn, and a label per record."""
    self._files, self.labels = files, labels

  def read(self, index: int) -> bytes:
    """Returns an image file."""
    return self._files[index % len(self._files)]


def jpegs(count: int, shape: tuple[int, int] = (500, 375)) -> list[bytes]:
  """Returns JPEG files of photographs, of about 110 kB at ImageNet's size."""
  normal = shape == (500, 375)
  size: dict[str, Any] = {"size": shape, "kilobytes": 110.0 if normal else None}
  return list(_photographs()["jpegs"](count, **size))


def write(row: ImageSet, folder: pathlib.Path) -> None:
  """Writes the images of a row."""
  if row.is_encoded:
    for index, file in enumerate(jpegs(row.images, row.shape)):
      (folder / f"{index:04}.jpg").write_bytes(file)
    return
  photographs = _photographs()
  photos, draw = photographs["photos"](), np.random.default_rng(0)
  crops = [
    photographs["crop"](photos[index % len(photos)], row.shape, draw)
    for index in range(row.images)
  ]
  np.save(folder / _ARRAYS, np.stack([np.asarray(crop) for crop in crops]))


def encoded(folder: pathlib.Path) -> list[bytes]:
  """Returns the JPEG files that were written."""
  return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]


def arrays(folder: pathlib.Path) -> np.ndarray:
  """Returns the images that were written, uint8 [n, h, w, 3]."""
  return np.load(folder / _ARRAYS)


@functools.cache
def _photographs() -> dict[str, Any]:
  return load_file("tools/photographs.py")
