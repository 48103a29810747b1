"""Two views of each image by torchvision, of PIL images or of tensors.

A view ends as a float32 tensor; views are not collected to a batch, which
would take more time.
"""

import io
import pathlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from PIL import Image, ImageFilter

from benchmarks.harness.torchvision_cpu import import_transforms
from benchmarks.harness.workers import CoreJob
from benchmarks.input import images
from benchmarks.input.images import ROWS, ImageSet

transforms = import_transforms()
from torchvision.transforms import v2  # noqa: E402 (needs the line above)

_BLUR_SHARE = 10  # SimCLR's kernel is a tenth of the view, and odd


def make(row: str, folder: str, form: str) -> CoreJob:
  """Returns the job.

  Args:
    row: Key of `ROWS`.
    folder: Folder that `images.write` filled.
    form: "pil" or "tensor".
  """
  torch.set_num_threads(1)
  wanted = ROWS[row]
  read = _reader(wanted, pathlib.Path(folder))
  transform = FORMS[form](wanted.augment)

  def step() -> None:
    for image in read():
      source = image if form == "pil" else v2.functional.pil_to_tensor(image)
      for _ in range(2):
        transform(source)

  return CoreJob(step)


def _reader(
  row: ImageSet, folder: pathlib.Path
) -> Callable[[], Iterator[Image.Image]]:
  """Returns a function that gives PIL images; files are decoded each time."""
  # PyPI's torchvision decodes JPEGs with a part that needs CUDA and does not
  # load beside a PyTorch for the CPU, so that Pillow decodes for tensors too.
  if not row.is_encoded:
    pixels = images.arrays(folder)
    return lambda: map(Image.fromarray, pixels)
  files = images.encoded(folder)
  return lambda: (Image.open(io.BytesIO(f)).convert("RGB") for f in files)


def _pil(augment: dict[str, Any]) -> Callable[[Image.Image], Any]:
  """Returns SimCLR's transform of PIL images."""
  blur = transforms.Lambda(_PillowBlur(augment["blur_sigma"]))
  return transforms.Compose(
    [
      *_geometry(transforms, augment),
      *_colors(transforms, augment),
      *_at_random(transforms, blur, augment["blur_prob"]),
      transforms.ToTensor(),
    ]
  )


def _tensor(augment: dict[str, Any]) -> Callable[[torch.Tensor], Any]:
  """Returns SimCLR's transform of uint8 tensors."""
  kernel = augment["size"] // _BLUR_SHARE
  kernel += 1 - kernel % 2
  blur = v2.GaussianBlur(kernel, tuple(augment["blur_sigma"]))
  return v2.Compose(
    [
      *_geometry(v2, augment),
      *_colors(v2, augment),
      *_at_random(v2, blur, augment["blur_prob"]),
      v2.ToDtype(torch.float32, scale=True),
    ]
  )


FORMS: dict[str, Callable[[dict[str, Any]], Callable[[Any], Any]]] = {
  "pil": _pil,
  "tensor": _tensor,
}


def _geometry(module: Any, augment: dict[str, Any]) -> list[Any]:
  return [
    module.RandomResizedCrop(
      augment["size"],
      tuple(augment["crop_scale"]),
      tuple(augment["crop_ratio"]),
    ),
    module.RandomHorizontalFlip(augment["flip_prob"]),
  ]


def _colors(module: Any, augment: dict[str, Any]) -> list[Any]:
  names = ("brightness", "contrast", "saturation", "hue")
  jitter = module.ColorJitter(*(augment[name] for name in names))
  return [
    *_at_random(module, jitter, augment["jitter_prob"]),
    module.RandomGrayscale(augment["grayscale_prob"]),
  ]


def _at_random(module: Any, operation: Any, probability: float) -> list[Any]:
  if not probability:
    return []
  return [module.RandomApply([operation], probability)]


class _PillowBlur:
  """Pillow's Gaussian, ten times as fast as torchvision's."""

  def __init__(self, sigma: tuple[float, float]) -> None:
    self._sigma = sigma

  def __call__(self, image: Image.Image) -> Image.Image:
    radius = random.uniform(*self._sigma)
    return image.filter(ImageFilter.GaussianBlur(radius))
