"""Numbers of supervised training on each data set.

They are those of the methods that it is compared with, so that only the loss
differs; none were searched for this method. Its weak and strong views
(`method.view`) are FixMatch's. Of clips it trains LiRA's network.
"""

from typing import Any

from suncet_jax.methods.lira.recipes import clips, mouths, shapes
from suncet_jax.methods.simclr import recipes as simclr
from suncet_jax.methods.simclr.recipes import (
  folder_optimizer as folder,
)
from suncet_jax.methods.simclr.recipes import (
  imagenet_optimizer as imagenet,
)

__all__ = [
  "cifar10",
  "cifar10_views",
  "clips",
  "digits",
  "digits_views",
  "fashion_mnist",
  "fashion_mnist_views",
  "folder",
  "imagenet",
  "mouths",
  "shapes",
]


def digits(config: Any) -> None:
  """Sets SimCLR's optimizer."""
  simclr.digits(config)
  digits_views(config)


def digits_views(config: Any) -> None:
  """Sets weak and strong views of 8 x 8 pixels.

  Moved by a pixel, never mirrored, and for the strong one two operations, each
  of them certain, and a grey square of 3 pixels. Chosen here; see FixMatch's
  recipe.
  """
  for view in (config.weak, config.strong):
    view.pad_crop = 1
    view.flip_prob = 0.0  # a mirrored digit is another sign
  config.strong.operation_prob = 1.0
  config.strong.cutout = 3 / 8


def fashion_mnist(config: Any) -> None:
  """Sets SimCLR's optimizer."""
  simclr.fashion_mnist(config)
  fashion_mnist_views(config)


def fashion_mnist_views(config: Any) -> None:
  """Sets weak and strong views: crops of area 0.7-1, and flips.

  A resized crop stands for the moved window of the paper, because views have
  24 pixels and images 28. Chosen here.
  """
  for view in (config.weak, config.strong):
    view.crop_scale = (0.7, 1.0)


def cifar10(config: Any) -> None:
  """Sets SimCLR's optimizer."""
  simclr.cifar10_optimizer(config)
  cifar10_views(config)


def cifar10_views(config: Any) -> None:
  """Sets weak and strong views: windows moved by up to 4 pixels, and flips.

  The strong one has two operations and a grey square of half the side. Source:
  google-research/fixmatch.
  """
  for view in (config.weak, config.strong):
    view.pad_crop = 4
