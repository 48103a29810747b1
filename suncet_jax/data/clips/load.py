"""Loads the clips of a configuration."""

import pathlib

from ml_collections import ConfigDict

from suncet_jax.data.clips.made import Size
from suncet_jax.data.clips.mouths import WORDS, mouths
from suncet_jax.data.clips.shapes import KINDS, shapes
from suncet_jax.data.folder.items import VIDEOS
from suncet_jax.data.folder.load import list_files
from suncet_jax.data.source import Dataset
from suncet_jax.files.text import readable

_MADE = {"shapes": (shapes, KINDS), "mouths": (mouths, WORDS)}


def load_clips(config: ConfigDict) -> Dataset:
  """Loads the clips that `config.data` describes.

  Raises:
    ValueError: As of `folder.load.list_files`; or if the packages that decode
      are not installed.
  """
  if config.data.clips.synthetic:
    return _made(config.data.clips)
  # The packages that decode are optional.
  from suncet_jax.data.clips.source import ClipFiles

  files = list_files(config, VIDEOS)
  name = readable(pathlib.PurePath(config.data.train).name)
  train, test = (
    ClipFiles.from_config(records, config.data)
    for records in (files.train, files.test)
  )
  return Dataset(name, train, test, files.classes)


def _made(clips: ConfigDict) -> Dataset:
  """Makes clips in code."""
  make, classes = _MADE[clips.synthetic]
  size = Size.from_config(clips)
  train = make(clips.count, size, clips.seed, 0)
  test = make(clips.test_count, size, clips.seed, 1)
  return Dataset(clips.synthetic, train, test, classes)
