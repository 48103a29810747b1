"""What the sets of clips that are made in code have in common."""

from typing import Any, NamedTuple, Self

import numpy as np

from suncet_jax.rng import uniform

_FLOOR = 1e-2  # energy of silence
_HEARD_NOISE = 0.3  # of log energies
_SEEN_NOISE = 0.1  # of pixels in [0, 1]


class Size(NamedTuple):
  """Size of clips.

  Attributes:
    frames: Number t of frames.
    side: Height and width of a frame, in pixels.
    channels: Number of channels of a frame, 1 or 3.
    columns: Columns r of the spectrogram per frame.
    bands: Bands m of the spectrogram.
  """

  frames: int
  side: int
  channels: int
  columns: int
  bands: int

  @classmethod
  def from_config(cls, clips: Any) -> Self:
    """Returns the size that `config.data.clips` asks for."""
    return cls(
      clips.frames,
      clips.size,
      clips.channels,
      clips.audio_per_frame,
      clips.bands,
    )


class Draws:
  """Uniform numbers of clips; those of a clip depend on its number alone."""

  def __init__(self, count: int, *address: int) -> None:
    """Initializes without drawing.

    Args:
      count: Number of clips.
      *address: Address of the numbers, such as seed and part.
    """
    self._count, self._address, self._drawn = count, address, 0

  def unit(self, *shape: int) -> np.ndarray:
    """Returns new numbers in [0, 1) for each clip, float32 [n, *shape]."""
    self._drawn += 1
    count = self._count * int(np.prod(shape))
    values = uniform(count, *self._address, self._drawn)
    return values.reshape(self._count, *shape).astype(np.float32)

  def between(self, low: float, high: float, *shape: int) -> np.ndarray:
    """Returns new numbers in [low, high), likewise."""
    return low + (high - low) * self.unit(*shape)


def pixels(values: np.ndarray, draws: Draws) -> np.ndarray:
  """Returns frames with noise, uint8.

  Args:
    values: Frames in [0, 1], [n, t, h, w, c].
    draws: Numbers for the noise.
  """
  noise = draws.between(-_SEEN_NOISE, _SEEN_NOISE, *values.shape[1:4], 1)
  return np.rint(255 * np.clip(values + noise, 0, 1)).astype(np.uint8)


def spectrogram(energy: np.ndarray, draws: Draws) -> np.ndarray:
  """Returns log energies with noise, float32.

  Args:
    energy: Energy of each band, [n, columns, m].
    draws: Numbers for the noise.
  """
  noise = draws.between(-_HEARD_NOISE, _HEARD_NOISE, *energy.shape[1:])
  return (np.log(_FLOOR + energy) + noise).astype(np.float32)


def bump(centre: np.ndarray, width: float, bands: int) -> np.ndarray:
  """Returns energy around a band, 1 at the centre, [..., m].

  Args:
    centre: Bands of the centres, [...].
    width: Standard deviation, in bands.
    bands: Number m of bands.
  """
  distance = (np.arange(bands) - centre[..., None]) / width
  return np.exp(-(distance**2) / 2).astype(np.float32)
