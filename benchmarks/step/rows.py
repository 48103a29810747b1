"""Rows of the training-step table: networks and their batches."""

from typing import NamedTuple

import numpy as np


class Workload(NamedTuple):
  """A network and the batch it trains on.

  Attributes:
    title: Title in the table.
    model: One of `architectures.MODEL_NAMES`.
    stem: One of `architectures.STEMS`.
    batch: Images of a step; its halves are two views of the same images.
    size: Height and width of an image, in pixels.
    channels: Channels of an image.
  """

  title: str
  model: str
  stem: str
  batch: int
  size: int
  channels: int

  def images(self) -> np.ndarray:
    """Returns the same random images [b, h, w, c], float32, every time."""
    shape = (self.batch, self.size, self.size, self.channels)
    return np.random.default_rng(0).random(shape, np.float32)


ROWS = {
  "small": Workload(
    "small (16-32-64, 28x28), 512", "resnet8", "cifar", 512, 28, 1
  ),
  "resnet18": Workload("ResNet-18 CIFAR, 64", "resnet18", "cifar", 64, 32, 3),
  "wrn": Workload("WRN-28-2, 64", "wrn28_2", "cifar", 64, 32, 3),
  "resnet50": Workload(
    "ResNet-50 at 224, 8", "resnet50", "imagenet", 8, 224, 3
  ),
  "vit": Workload("ViT-S/16 at 224, 8", "vit_s16", "imagenet", 8, 224, 3),
  "tiny": Workload(
    "tiny (a test of this program)", "resnet8", "cifar", 8, 8, 1
  ),
}

# Settings of every column; times do not depend on them.
LEARNING_RATE = 0.01
MOMENTUM = 0.9
TEMPERATURE = 0.1
