"""Loads the clips of a configuration."""

from ml_collections import ConfigDict

from suncet_jax.data.clips.made import Size
from suncet_jax.data.clips.mouths import WORDS, mouths
from suncet_jax.data.clips.shapes import KINDS, shapes
from suncet_jax.data.source import Dataset

_MADE = {"shapes": (shapes, KINDS), "mouths": (mouths, WORDS)}


def load_clips(config: ConfigDict) -> Dataset:
  """Loads the clips that `config.data` describes."""
  return _made(config.data.clips)


def _made(clips: ConfigDict) -> Dataset:
  """Makes clips in code."""
  make, classes = _MADE[clips.synthetic]
  size = Size.from_config(clips)
  train = make(clips.count, size, clips.seed, 0)
  test = make(clips.test_count, size, clips.seed, 1)
  return Dataset(clips.synthetic, train, test, classes)
