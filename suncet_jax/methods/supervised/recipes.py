"""Numbers of supervised training on each data set.

They are those of the methods that it is compared with, so that only the loss
differs; none were searched for this method.
"""

from suncet_jax.methods.simclr.recipes import (
  cifar10_optimizer as cifar10,
)
from suncet_jax.methods.simclr.recipes import (
  digits,
  fashion_mnist,
)
from suncet_jax.methods.simclr.recipes import (
  folder_optimizer as folder,
)
from suncet_jax.methods.simclr.recipes import (
  imagenet_optimizer as imagenet,
)

__all__ = ["cifar10", "digits", "fashion_mnist", "folder", "imagenet"]
