"""Speaking mouths: an ellipse speaks one of ten words of three visemes.

Its opening moves the first formant of the sound, its width the second.
"""

import numpy as np

from suncet_jax.data.clips.arrays import ClipArrays
from suncet_jax.data.clips.made import Draws, Size, bump, pixels, spectrogram

# Opening and width of a mouth, in [0, 1].
VISEMES = {"a": (1.0, 0.6), "i": (0.4, 1.0), "u": (0.45, 0.1), "m": (0.0, 0.5)}
# The first six differ in nothing but the order.
WORDS = ("aiu", "aui", "iau", "iua", "uai", "uia", "ama", "imi", "umu", "mam")
_SOUNDS = 3  # of a word
_BLUR = 0.11  # of a viseme in time, as a share of the clip


def mouths(count: int, size: Size, *address: int) -> ClipArrays:
  """Returns clips of speaking mouths.

  Speakers differ in place, size and light of the mouth, in tempo, and in
  loudness and pitch of the voice. The label is the word.

  Args:
    count: Number of clips.
    size: Size of the clips.
    *address: Address of their random numbers.

  Returns:
    The clips. Their `truth` is "opening" and "width" of each frame in [0, 1],
    float32 [n, t].
  """
  draws = Draws(count, *address)
  words = (draws.unit() * len(WORDS)).astype(np.int32)
  times = (np.arange(_SOUNDS) + 0.5) / _SOUNDS
  times = times + draws.between(-0.06, 0.06, _SOUNDS)
  seen = _path(words, times, size.frames)
  heard = _path(words, times, size.frames * size.columns)
  return ClipArrays(
    pixels(_faces(seen, size, draws), draws),
    spectrogram(_energy(heard, size, draws), draws),
    words,
    {"opening": seen[..., 0], "width": seen[..., 1]},
  )


def _path(words: np.ndarray, times: np.ndarray, moments: int) -> np.ndarray:
  """Returns opening and width at moments of each clip, float32 [n, k, 2]."""
  targets = np.array([[VISEMES[v] for v in word] for word in WORDS])[words]
  now = (np.arange(moments) + 0.5) / moments
  far = (now[:, None] - times[:, None]) / _BLUR
  share = np.exp(-(far**2) / 2) + 1e-9
  share /= share.sum(axis=-1, keepdims=True)
  return (share @ targets).astype(np.float32)


def _faces(path: np.ndarray, size: Size, draws: Draws) -> np.ndarray:
  """Returns frames in [0, 1], [n, t, h, w, c]."""
  across = (np.arange(size.side, dtype=np.float32) + 0.5) / size.side - 0.5
  centre = draws.between(-0.08, 0.08, 2, 1, 1, 1)
  y, x = across[:, None] - centre[:, 0], across[None, :] - centre[:, 1]
  scale = draws.between(0.8, 1.2, 1, 1, 1)
  opening, width = path[..., 0, None, None], path[..., 1, None, None]
  high = scale * (0.06 + 0.18 * opening)
  wide = scale * (0.14 + 0.18 * width)
  lip = scale * 0.05
  is_mouth = (x / wide) ** 2 + (y / high) ** 2 < 1
  inner = np.maximum(high - lip, 1e-3)
  is_open = (x / (wide - lip)) ** 2 + (y / inner) ** 2 < 1
  skin = draws.between(0.5, 0.9, 1, 1, 1, size.channels)
  lips = skin * draws.between(0.4, 0.7, 1, 1, 1, size.channels)
  frames = np.where(is_mouth[..., None], lips, skin)
  return np.where(is_open[..., None], np.float32(0.1), frames)


def _energy(path: np.ndarray, size: Size, draws: Draws) -> np.ndarray:
  """Returns the energies of the sound, [n, columns, m]."""
  opening, width = path[..., 0], path[..., 1]
  voice = draws.between(-0.04, 0.04, 1)
  bands, blur = size.bands, size.bands / 16
  first = bump(bands * (0.12 + 0.28 * opening + voice), blur, bands)
  second = bump(bands * (0.5 + 0.38 * width + voice), blur, bands)
  loudness = draws.between(0.5, 1.5, 1) * opening
  return loudness[..., None] * (first + np.float32(0.6) * second)
