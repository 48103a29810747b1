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
from PIL import Image, ImageDraw, ImageFilter

from benchmarks.harness.torchvision_cpu import import_transforms
from benchmarks.harness.workers import CoreJob
from benchmarks.input import images
from benchmarks.input.images import ROWS, ImageSet

transforms = import_transforms()
from torchvision.transforms import v2  # noqa: E402 (needs the line above)

_GREY = 128
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
  views = [FORMS[form](fields) for fields in wanted.both]

  def step() -> None:
    for image in read():
      source = image if form == "pil" else v2.functional.pil_to_tensor(image)
      for transform in views:
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
  """Returns the transform of PIL images."""
  return transforms.Compose(
    [
      *_geometry(transforms, augment),
      *_operations(transforms, augment, _cut_image),
      *_colors(transforms, augment),
      *_blur_image(augment),
      transforms.ToTensor(),
    ]
  )


def _tensor(augment: dict[str, Any]) -> Callable[[torch.Tensor], Any]:
  """Returns the transform of uint8 tensors."""
  return v2.Compose(
    [
      *_geometry(v2, augment),
      *_operations(v2, augment, _cut_tensor),
      *_colors(v2, augment),
      *_blur_tensor(augment),
      v2.ToDtype(torch.float32, scale=True),
    ]
  )


FORMS: dict[str, Callable[[dict[str, Any]], Callable[[Any], Any]]] = {
  "pil": _pil,
  "tensor": _tensor,
}


def _geometry(module: Any, augment: dict[str, Any]) -> list[Any]:
  size, border = augment["size"], augment.get("pad_crop", 0)
  crop = (
    module.RandomCrop(size, border, padding_mode="reflect")
    if border
    else module.RandomResizedCrop(
      size, tuple(augment["crop_scale"]), tuple(augment["crop_ratio"])
    )
  )
  return [crop, module.RandomHorizontalFlip(augment["flip_prob"])]


def _operations(
  module: Any, augment: dict[str, Any], cut: Callable[[Any, list[int]], Any]
) -> list[Any]:
  layers, share = augment.get("operations", 0), augment.get("cutout", 0.0)
  size, side = augment["size"], round(share * augment["size"])

  def cutout(image: Any) -> Any:
    x, y = (random.randrange(size) - side // 2 for _ in range(2))
    edges = [max(x, 0), max(y, 0), min(x + side, size), min(y + side, size)]
    return cut(image, edges)

  return [
    *([module.RandAugment(layers)] if layers else []),
    *([module.Lambda(cutout)] if side else []),
  ]


def _cut_image(image: Image.Image, edges: list[int]) -> Image.Image:
  left, top, right, bottom = edges
  image = image.copy()
  grey = (_GREY,) * 3
  ImageDraw.Draw(image).rectangle((left, top, right - 1, bottom - 1), grey)
  return image


def _cut_tensor(image: torch.Tensor, edges: list[int]) -> torch.Tensor:
  left, top, right, bottom = edges
  image = image.clone()
  image[..., top:bottom, left:right] = _GREY
  return image


def _colors(module: Any, augment: dict[str, Any]) -> list[Any]:
  made = []
  if augment["jitter_prob"]:
    names = ("brightness", "contrast", "saturation", "hue")
    jitter = module.ColorJitter(*(augment[name] for name in names))
    made += _at_random(module, jitter, augment["jitter_prob"])
  if augment["grayscale_prob"]:
    made.append(module.RandomGrayscale(augment["grayscale_prob"]))
  return made


def _blur_image(augment: dict[str, Any]) -> list[Any]:
  if not augment["blur_prob"]:
    return []
  blur = transforms.Lambda(_PillowBlur(augment["blur_sigma"]))
  return _at_random(transforms, blur, augment["blur_prob"])


def _blur_tensor(augment: dict[str, Any]) -> list[Any]:
  if not augment["blur_prob"]:
    return []
  kernel = augment["size"] // _BLUR_SHARE
  kernel += 1 - kernel % 2
  blur = v2.GaussianBlur(kernel, tuple(augment["blur_sigma"]))
  return _at_random(v2, blur, augment["blur_prob"])


def _at_random(module: Any, operation: Any, probability: float) -> list[Any]:
  return [module.RandomApply([operation], probability)]


class _PillowBlur:
  """Pillow's Gaussian, ten times as fast as torchvision's."""

  def __init__(self, sigma: tuple[float, float]) -> None:
    self._sigma = sigma

  def __call__(self, image: Image.Image) -> Image.Image:
    radius = random.uniform(*self._sigma)
    return image.filter(ImageFilter.GaussianBlur(radius))
