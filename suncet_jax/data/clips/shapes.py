"""Sounding shapes: two shapes glow, and the sound follows one of them.

Which shape sounds can be told by its kind, each of which has a pitch of its
own; when, by its brightness, which is the loudness of the sound.
"""

import numpy as np

from suncet_jax.data.clips.arrays import ClipArrays
from suncet_jax.data.clips.made import Draws, Size, bump, pixels, spectrogram

KINDS = ("square", "disc", "triangle", "cross")
_QUARTERS = np.array([(-1, -1), (-1, 1), (1, -1), (1, 1)], np.float32) / 4


def shapes(count: int, size: Size, *address: int) -> ClipArrays:
  """Returns clips of sounding shapes.

  Two shapes of different kinds lie in two quarters of the frame and move a
  little. The brightness of each is drawn for each frame anew. The label is the
  kind of the one that sounds.

  Args:
    count: Number of clips.
    size: Size of the clips.
    *address: Address of their random numbers.

  Returns:
    The clips. Their `truth` is "region", the pixels of the sounding shape, bool
    [n, t, h, w], and "loudness" of each frame in [0, 1], float32 [n, t].
  """
  draws = Draws(count, *address)
  kinds = np.argsort(draws.unit(len(KINDS)), axis=1)[:, :2]
  quarters = np.argsort(draws.unit(len(_QUARTERS)), axis=1)[:, :2]
  glow = draws.unit(2, size.frames)
  centres = _centres(quarters, size, draws)
  radius = size.side * draws.between(0.13, 0.18, 2)
  colours = draws.between(0.6, 1.0, 2, size.channels)
  video = np.full(
    (count, size.frames, size.side, size.side, size.channels), 0.1, np.float32
  )
  regions = [
    _region(kinds[:, i], centres[:, i], radius[:, i], size.side)
    for i in range(2)
  ]
  for i, region in enumerate(regions):
    light = 0.15 + 0.75 * glow[:, i, :, None] * colours[:, i, None]
    video += region[..., None] * light[:, :, None, None]
  return ClipArrays(
    pixels(video, draws),
    spectrogram(_energy(kinds[:, 0], glow[:, 0], size), draws),
    kinds[:, 0].astype(np.int32),
    {"region": regions[0], "loudness": glow[:, 0]},
  )


def _centres(quarters: np.ndarray, size: Size, draws: Draws) -> np.ndarray:
  """Returns paths of two shapes, in pixels from the centre, [n, 2, t, 2]."""
  count = len(quarters)
  start, end = np.moveaxis(draws.between(-0.06, 0.06, 2, 2, 2), 1, 0)
  way = np.linspace(0, 1, size.frames, dtype=np.float32)[:, None]
  moved = start[:, :, None] * (1 - way) + end[:, :, None] * way
  place = _QUARTERS[quarters].reshape(count, 2, 1, 2)
  return size.side * (place + moved)


def _region(
  kinds: np.ndarray, centres: np.ndarray, radius: np.ndarray, side: int
) -> np.ndarray:
  """Returns the pixels of a shape of each clip, bool [n, t, h, w]."""
  across = (np.arange(side, dtype=np.float32) + 0.5) - side / 2
  y = across[:, None] - centres[..., 0, None, None]
  x = across[None, :] - centres[..., 1, None, None]
  r = radius[:, None, None, None]
  is_inside = np.maximum(abs(x), abs(y)) < r
  kind = kinds[:, None, None, None]
  return np.select(
    [kind == 0, kind == 1, kind == 2],
    [is_inside, x**2 + y**2 < r**2, is_inside & (y > 2 * abs(x) - r)],
    is_inside & (np.minimum(abs(x), abs(y)) < r / 3),
  )


def _energy(kinds: np.ndarray, glow: np.ndarray, size: Size) -> np.ndarray:
  """Returns the energies of the sound, [n, columns, m]."""
  pitch = (kinds + np.float32(0.5)) / len(KINDS) * size.bands
  tone = bump(pitch, size.bands / 12, size.bands)
  loudness = np.repeat(glow, size.columns, axis=1)
  return loudness[:, :, None] * tone[:, None]
