"""Images that stand for rows, to look at."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from suncet_jax.data.clips.clip import VIDEO


def pictures(rows: Any) -> np.ndarray:
  """Returns an image for each row: itself, or the middle frame of a clip.

  Args:
    rows: Images [b, h, w, c], or clips as a source gives them.
  """
  if not isinstance(rows, Mapping):
    return rows
  video = rows[VIDEO]
  return video[:, video.shape[1] // 2]


def mosaics(rows: Any) -> np.ndarray:
  """Returns an image for each row: itself, or four frames of a clip.

  Args:
    rows: Images [b, h, w, c], or clips as a source gives them.
  """
  if not isinstance(rows, Mapping):
    return rows
  video = np.asarray(rows[VIDEO])
  shown = np.linspace(0, video.shape[1] - 1, 4).round().astype(int)
  first, second, third, fourth = (video[:, i] for i in shown)
  upper = np.concatenate([first, second], axis=2)
  return np.concatenate(
    [upper, np.concatenate([third, fourth], axis=2)], axis=1
  )
