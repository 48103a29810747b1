"""Transform of clips: frames cropped, mirrored and normalised; sound, too."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

import jax
import jax.numpy as jnp

from suncet_jax.data.source import Crop
from suncet_jax.errors import UserError

VIDEO, AUDIO = "video", "audio"
_LEAST_STD = 1e-3  # of log energies: a silent band stays at 0


@dataclasses.dataclass(frozen=True)
class Clip:
  """Transform of clips; see `suncet_jax.data.transform.Transform`.

  Rows are {"video": uint8 [b, t, h, w, c], "audio": float32 [b, ta, m]}, with
  ta a multiple of t; views have the same keys and axes, in float32. Nothing
  moves in time, so that sound and frames stay together.

  Attributes:
    size: Height and width of a view's frames, in pixels; 0: as they come.
    flip_prob: Probability of a mirror image, left to right, of all frames.
    mean: Mean per channel, subtracted from pixels in [0, 1]; empty: none.
    std: Standard deviation per channel, divided by; empty exactly if mean is.
    audio_mean: Mean of the sound, one number or one per band.
    audio_std: Its standard deviation; empty exactly if audio_mean is.
    audio_norm: What is normalised by its own mean and deviation without those
      two: "clip", all of a clip; "band", each band of it over time; or "none".
    audio_limit: Normalised sound is clipped to this distance from 0; 0: it is
      not.
    window: Height and width of the frames that the source makes of files, at a
      time that is drawn; 0: the source gives whole clips.
  """

  size: int = 0
  flip_prob: float = 0.5
  mean: tuple[float, ...] = ()
  std: tuple[float, ...] = ()
  audio_mean: tuple[float, ...] = ()
  audio_std: tuple[float, ...] = ()
  audio_norm: str = "clip"
  audio_limit: float = 0.0
  window: int = 0

  @classmethod
  def from_config(cls, config: Mapping[str, Any], *, window: int = 0) -> Self:
    """Makes a transform from `config.clip`; lists become tuples."""
    values: dict[str, Any] = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in config.items()
    }
    return cls(**values, window=window)

  def view(self, rows: Mapping[str, Any], keys: jax.Array) -> dict[str, Any]:
    """Draws a view of each clip: one place and one side for all its frames.

    Args:
      rows: Clips that the source provides.
      keys: Typed PRNG keys [b].
    """
    unit = jax.vmap(lambda key: jax.random.uniform(key, (3,)))(keys)
    size = self._frame_size(rows[VIDEO].shape)
    starts = jnp.floor(unit[:, :2] * (1 + jnp.array(_room(rows[VIDEO], size))))
    video = jax.vmap(_window, (0, 0, None))(
      rows[VIDEO], starts.astype(jnp.int32), size
    )
    is_mirrored = (unit[:, 2] < self.flip_prob)[:, None, None, None, None]
    video = jnp.where(is_mirrored, video[..., ::-1, :], video)
    return {VIDEO: self._pixels(video), AUDIO: self._sound(rows[AUDIO])}

  def plain(self, rows: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the centre of each clip's frames, with nothing drawn.

    Args:
      rows: Clips that the source provides for evaluation.
    """
    h, w = size = self._frame_size(rows[VIDEO].shape)
    top, left = (room // 2 for room in _room(rows[VIDEO], size))
    video = rows[VIDEO][:, :, top : top + h, left : left + w]
    return {VIDEO: self._pixels(video), AUDIO: self._sound(rows[AUDIO])}

  def host_crop(self) -> Crop | None:
    """Returns the frames to cut out of files; None: clips come whole.

    Only the time is drawn: the ranges of the area are those of no crop.
    """
    return Crop(self.window, (1.0, 1.0), (1.0, 1.0)) if self.window else None

  def example(self, row_shape: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the shapes of a view of one clip.

    Args:
      row_shape: {"video": (t, h, w, c), "audio": (ta, m)}.
    """
    frames, h, w, channels = row_shape[VIDEO]
    size = self._frame_size((1, frames, h, w, channels))
    return {
      VIDEO: jax.ShapeDtypeStruct((1, frames, *size, channels), jnp.float32),
      AUDIO: jax.ShapeDtypeStruct((1, *row_shape[AUDIO]), jnp.float32),
    }

  def _frame_size(self, shape: tuple[int, ...]) -> tuple[int, int]:
    """Returns height and width of a view of rows of a shape."""
    _, _, height, width, _ = shape
    if not self.size:
      return height, width
    if self.size > min(height, width):
      raise UserError(
        f"clip.size is {self.size}, but frames are {height} x {width}; "
        "expected at most the smaller of both."
      )
    return self.size, self.size

  def _pixels(self, video: jax.Array) -> jax.Array:
    values = jnp.asarray(video, jnp.float32) / 255
    if not self.mean:
      return values
    mean, std = jnp.array(self.mean), jnp.array(self.std)
    return ((values - mean) / std).astype(jnp.float32)

  def _sound(self, audio: jax.Array) -> jax.Array:
    """Returns the normalised sound, float32 [b, ta, m]."""
    audio = jnp.asarray(audio, jnp.float32)
    if self.audio_mean:
      mean, std = jnp.array(self.audio_mean), jnp.array(self.audio_std)
    elif self.audio_norm == "none":
      mean, std = jnp.zeros(()), jnp.ones(())
    else:
      over = 1 if self.audio_norm == "band" else (1, 2)
      mean = audio.mean(axis=over, keepdims=True)
      std = jnp.maximum(audio.std(axis=over, keepdims=True), _LEAST_STD)
    values = ((audio - mean) / std).astype(jnp.float32)
    if not self.audio_limit:
      return values
    return jnp.clip(values, -self.audio_limit, self.audio_limit)


def row_shape(clips: Any) -> dict[str, tuple[int, ...]]:
  """Returns the shapes of a clip that `config.data.clips` describes.

  Args:
    clips: `config.data.clips`.
  """
  frames, size = clips.frames, clips.size
  return {
    VIDEO: (frames, size, size, clips.channels),
    AUDIO: (frames * clips.audio_per_frame, clips.bands),
  }


def abstract_rows(
  count: int, row_shape: Mapping[str, tuple[int, ...]]
) -> dict[str, jax.ShapeDtypeStruct]:
  """Returns shapes and dtypes of clips that a source gives.

  Args:
    count: Number of clips.
    row_shape: `Source.row_shape`.
  """
  return {
    VIDEO: jax.ShapeDtypeStruct((count, *row_shape[VIDEO]), jnp.uint8),
    AUDIO: jax.ShapeDtypeStruct((count, *row_shape[AUDIO]), jnp.float32),
  }


def _room(video: jax.Array, size: tuple[int, int]) -> tuple[int, int]:
  """Returns by how many pixels a window of a size can move down and right."""
  _, _, height, width, _ = video.shape
  return height - size[0], width - size[1]


def _window(
  video: jax.Array, start: jax.Array, size: tuple[int, int]
) -> jax.Array:
  """Cuts the same place out of all frames [t, h, w, c]."""
  frames, _, _, channels = video.shape
  top, left = start
  zero = jnp.zeros((), start.dtype)
  return jax.lax.dynamic_slice(
    video, (zero, top, left, zero), (frames, *size, channels)
  )
