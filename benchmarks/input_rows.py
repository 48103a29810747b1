"""The rows of the input table: which images, and which views of them."""

from typing import Any, NamedTuple

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


class Row(NamedTuple):
  """Images and the two views that are made of each.

  Attributes:
    title: in the table.
    images: of a step; there are no others.
    shape: width and height of an image, in pixels.
    is_encoded: whether they are JPEG files, else arrays.
    augment: fields of an `Augmentation`.
  """

  title: str
  images: int
  shape: tuple[int, int]
  is_encoded: bool
  augment: dict[str, Any]


ROWS = {
  "arrays": Row(
    "arrays of 32x32, CIFAR recipe",
    256,
    (32, 32),
    False,
    {**_CIFAR, "blur_prob": 0.0},
  ),
  "arrays_blur": Row(
    "arrays of 32x32, CIFAR recipe with blur", 256, (32, 32), False, _CIFAR
  ),
  "jpegs": Row(
    "JPEGs of 500x375, views of 224x224, ImageNet recipe",
    64,
    (500, 375),
    True,
    {**_SIMCLR, "size": 224},
  ),
  "tiny": Row(
    "tiny (a test of this program)",
    4,
    (40, 30),
    True,
    {**_SIMCLR, "size": 8, "jitter_prob": 0.0, "blur_prob": 0.0},
  ),
}
