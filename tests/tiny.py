"""The smallest experiment that is one."""

import numpy as np

from suncet_jax.config import base
from suncet_jax.data.arrays import from_arrays
from suncet_jax.data.clips.arrays import ClipArrays
from suncet_jax.data.source import Dataset
from suncet_jax.plugins import method_spec
from suncet_jax.train.experiment import build

_GLOBAL_LOCAL = {
  "slow": 4,
  "fast": 2,
  "audio": 4,
  "depths": (1, 1),
  "slow_every": 2,
  "max_pool": False,
  "out": 6,
  "local_out": 4,
}
_LIRA = {
  "planes": 4,
  "depths": (1,),
  "max_pool": False,
  "width": 8,
  "hidden": 8,
  "blocks": 1,
  "heads": 2,
  "kernel": 3,
}


def experiment(*arguments, **fields):
  """Returns an experiment on noise; see `settings`."""
  return build(*settings(*arguments, **fields))


def settings(seed=0, method="supervised", epochs=1, **fields):
  """Returns configuration and data: noise, 64 images of 8 x 8 pixels.

  Of a method of clips, they are clips of 4 such images. `fields` are further
  ones of the configuration, by their dotted names.
  """
  labels = np.repeat(np.arange(4), 16)
  are_clips = "images" not in method_spec(method).rows
  source = _clips(labels) if are_clips else _images(labels)
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
  if are_clips:
    config.model.name = method
    config.model.global_local.update(_GLOBAL_LOCAL)
    config.model.lira.update(_LIRA)
    config.data.clips.update(audio_per_frame=2, bands=5)
  config.train.epochs = epochs
  config.update_from_flattened_dict(fields)
  return config, data


def _images(labels):
  rng = np.random.default_rng(0)
  return from_arrays(rng.integers(0, 256, (64, 8, 8, 1), np.uint8), labels)


def _clips(labels):
  rng = np.random.default_rng(0)
  video = rng.integers(0, 256, (64, 4, 8, 8, 1), np.uint8)
  return ClipArrays(
    video,
    rng.normal(size=(64, 8, 5)).astype(np.float32),
    labels.astype(np.int32),
    {"region": video[..., 0] > 127},
  )
