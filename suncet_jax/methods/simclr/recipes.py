"""SimCLR's numbers on each data set, with their sources.

The functions of optimizers serve the methods that are compared with it, too.
"""

import math
from typing import Any


def digits(config: Any) -> None:
  """Sets SGD 0.3 with a cosine.

  Source: a quick study on this data set (5 labels per class), recorded with
  the engineering notes of this project.
  """
  config.optim.name = "sgd"
  config.optim.peak_lr = 0.3


def fashion_mnist(config: Any) -> None:
  """Sets SGD 0.3 with a cosine.

  Source: a quick study on 10,000 of the images, recorded with the engineering
  notes of this project.
  """
  config.optim.name = "sgd"
  config.optim.peak_lr = 0.3


def cifar10(config: Any) -> None:
  """Sets the numbers of google-research/simclr's CIFAR-10 command."""
  config.method.temperature = 0.5
  cifar10_optimizer(config)


def cifar10_optimizer(config: Any) -> None:
  """Sets LARS with rate 1.0 x batch / 256, decay 1e-4, a warm-up of 10 epochs.

  Source: google-research/simclr's CIFAR-10 command.
  """
  optim = config.optim
  optim.peak_lr = 1.0 * config.data.batch_size / 256
  optim.warmup_epochs = 10.0
  optim.weight_decay = 1e-4
  optim.exclude_bias_and_norm = True


def folder(config: Any) -> None:
  """Sets temperature 0.2, the advice of SimCLR's authors for small batches.

  Source: google-research/simclr issue 166.
  """
  config.method.temperature = 0.2
  folder_optimizer(config)


def folder_optimizer(config: Any) -> None:
  """Sets LARS with rate 0.075 x sqrt(batch): google-research/simclr issue 166.

  The warm-up and the decay were chosen here.
  """
  optim = config.optim
  optim.peak_lr = 0.075 * math.sqrt(config.data.batch_size)
  optim.warmup_epochs = min(10.0, config.train.epochs / 10)
  optim.weight_decay = 1e-6
  optim.exclude_bias_and_norm = True


def imagenet(config: Any) -> None:
  """Sets the numbers of facebookresearch/suncet's SimCLR (5245e4a)."""
  config.method.temperature = 0.1
  imagenet_optimizer(config)


def imagenet_optimizer(config: Any) -> None:
  """Sets batch and LARC of facebookresearch/suncet's SimCLR (5245e4a).

  64 devices hold 64 images x 2 views each, which is 8,192 rows.
  """
  config.data.batch_size = 64 * 64
  optim = config.optim
  optim.name = "larc"
  optim.start_lr, optim.peak_lr, optim.final_lr = 0.6, 4.8, 0.0
  optim.warmup_epochs = 10.0
  optim.weight_decay = 1e-6
  optim.exclude_bias_and_norm = False  # on all parameters
