"""Numbers of SimCLR + SuNCEt on each data set: SimCLR's, but for ImageNet."""

from typing import Any

from suncet_jax.methods.simclr import recipes as simclr
from suncet_jax.methods.simclr.recipes import (
  cifar10,
  digits,
  fashion_mnist,
  folder,
)

__all__ = ["cifar10", "digits", "fashion_mnist", "folder", "imagenet"]


def imagenet(config: Any) -> None:
  """Sets the numbers of facebookresearch/suncet's release for the paper.

  At 5245e4a 64 devices hold 44 x 2 unlabelled and 20 x 2 labelled rows each,
  8,192 rows as SimCLR has; labels are used for 250 epochs in all runs.
  """
  simclr.imagenet(config)
  config.data.batch_size = 64 * 44
  config.method.supervised_epochs = 250
