"""Numbers of SwAV + SuNCEt on each data set: SwAV's, for all but the labels.

The recipe is this project's own. Published is one figure, without a recipe:
70.8 % top-1 on ImageNet with 10 % of the labels after 400 epochs, unverified.
"""

from suncet_jax.methods.swav.recipes import (
  EPOCHS,
  cifar10,
  digits,
  fashion_mnist,
  folder,
  imagenet,
)

__all__ = ["EPOCHS", "cifar10", "digits", "fashion_mnist", "folder", "imagenet"]
