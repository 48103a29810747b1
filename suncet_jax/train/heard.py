"""Frames of clips, bright where their sound is heard, for people to look at."""

import dataclasses

import numpy as np

from suncet_jax.data.clips.clip import VIDEO, Clip
from suncet_jax.train.experiment import Experiment

_CLIPS = 8
_FRAMES = 5
_DARKEST = 0.25  # light that is left where nothing is heard


def heard_frames(
  experiment: Experiment, attention: np.ndarray | None
) -> tuple[np.ndarray, list[str]]:
  """Returns frames of test clips, dark where the attention is small.

  Args:
    experiment: Experiment whose test clips were measured.
    attention: Weights of places of all test clips, [n, p, q]; None: the method
      measures none.

  Returns:
    (images, titles): uint8 [clips, 1 + frames, h, w, c], the first frame as it
    is and some of all frames darkened, and titles of the columns. Empty without
    attention.
  """
  view = experiment.views["view"]
  if attention is None or not isinstance(view, Clip):
    return np.zeros((0, 0, 0, 0, 1), np.uint8), []
  chosen = np.linspace(0, len(attention) - 1, _CLIPS).astype(int)
  chosen = np.unique(chosen)
  rows = next(experiment.pipeline.test.images([chosen]))
  # Without mean and std colours stay what they look like.
  whole = dataclasses.replace(view, mean=(), std=()).plain(rows)
  video = np.asarray(whole[VIDEO])
  times = np.unique(np.linspace(0, video.shape[1] - 1, _FRAMES).astype(int))
  light = _light(attention[chosen], video.shape[2:4])
  shown = video[:, times] * light[:, None, :, :, None]
  images = np.concatenate([video[:, :1], shown], axis=1)
  titles = ["frame 1", *(f"heard, frame {time + 1}" for time in times)]
  return np.rint(255 * images).astype(np.uint8), titles


def _light(attention: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Returns light in [0, 1] of every pixel, [n, h, w]."""
  light = attention / attention.max(axis=(1, 2), keepdims=True)
  for axis, pixels in enumerate(size, start=1):
    owners = np.arange(pixels) * light.shape[axis] // pixels
    light = light.take(owners, axis=axis)
  return _DARKEST + (1 - _DARKEST) * light
