"""SupCon's numbers on each data set, with their sources.

All of them take two views of each labelled image and end, as the paper does,
with a linear classifier on the frozen backbone.
"""

from typing import Any

from suncet_jax.methods.simclr import recipes as simclr


def digits(config: Any) -> None:
  """Sets SimCLR's optimizer; nothing was searched for."""
  simclr.digits(config)
  _two_stages(config)


def fashion_mnist(config: Any) -> None:
  """Sets SimCLR's optimizer; nothing was searched for."""
  simclr.fashion_mnist(config)
  _two_stages(config)


def cifar10(config: Any) -> None:
  """Sets the numbers of HobbitLong/SupContrast's CIFAR-10 command.

  SGD with rate 0.5, a cosine to a thousandth of it, 10 epochs of warm-up from
  0.01, weight decay 1e-4 on everything, temperature 0.1 over a base of 0.07. A
  step has 10 classes x 100 images there as 1,024 drawn at random; balanced
  classes were chosen here.
  """
  config.method.base_temperature = 0.07
  config.data.labelled.images_per_class = 100
  optim = config.optim
  optim.name = "sgd"
  optim.start_lr, optim.peak_lr, optim.final_lr = 0.01, 0.5, 0.0005
  optim.warmup_epochs = 10.0
  optim.weight_decay = 1e-4
  _two_stages(config)


def folder(config: Any) -> None:
  """Sets SimCLR's optimizer for small batches; nothing was searched for."""
  simclr.folder_optimizer(config)
  _two_stages(config)


def imagenet(config: Any) -> None:
  """Sets SimCLR's optimizer; the paper's recipe needs all labels.

  Its 79.1 % came with a momentum encoder and AutoAugment, which are not here.
  """
  simclr.imagenet_optimizer(config)
  _two_stages(config)


def _two_stages(config: Any) -> None:
  config.data.labelled.views = 2
  config.evals.finetune.backbone_scale = 0.0
