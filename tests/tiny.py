"""The smallest experiment that is one."""

import numpy as np

from suncet_jax.config import base
from suncet_jax.data.arrays import from_arrays
from suncet_jax.data.source import Dataset
from suncet_jax.train.experiment import build


def experiment(*arguments, **fields):
  """Returns an experiment on noise; see `settings`."""
  return build(*settings(*arguments, **fields))


def settings(seed=0, method="supervised", epochs=1, **fields):
  """Returns configuration and data: noise, 64 images of 8 x 8 pixels.

  `fields` are further ones of the configuration, by their dotted names.
  """
  rng = np.random.default_rng(0)
  pixels = rng.integers(0, 256, (64, 8, 8, 1), np.uint8)
  labels = np.repeat(np.arange(4), 16)
  source = from_arrays(pixels, labels)
  data = Dataset("noise", source, source, tuple("abcd"))
  config = base(method)
  config.seed = seed
  config.data.source = "arrays"
  config.data.batch_size = 16
  config.data.labelled.update(
    per_class=8, classes_per_batch=4, images_per_class=2
  )
  config.augment.size = 8
  config.model.update(name="resnet8", stem="cifar_stride2")
  config.train.epochs = epochs
  config.update_from_flattened_dict(fields)
  return config, data
