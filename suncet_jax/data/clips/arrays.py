"""Clips in memory."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from suncet_jax.data.clips.clip import AUDIO, VIDEO
from suncet_jax.data.source import Crop, Request
from suncet_jax.errors import UserError

Row = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class ClipArrays:
  """Clips held in memory.

  Attributes:
    video: Frames, uint8 [n, t, h, w, c] with c 1 or 3.
    audio: Spectrograms, float32 [n, r t, m]; r columns belong to each frame.
    labels: Labels, int32 [n]; -1 means unlabelled.
    truth: What is known of clips that were made in code, by name, n rows each,
      for evaluations.
    names: Clip names in the same order, or None.

  Raises:
    ValueError: If the shapes do not fit each other.
  """

  video: np.ndarray
  audio: np.ndarray
  labels: np.ndarray
  truth: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
  names: Sequence[str] | None = None
  crops_on_host: bool = dataclasses.field(default=False, init=False)
  failure: None = dataclasses.field(default=None, init=False)

  def __post_init__(self) -> None:
    """Checks that frames and sound are of the same time."""
    if self.video.ndim != 5 or self.video.dtype != np.uint8:
      raise UserError(
        "video must be uint8 [n, t, h, w, c], got "
        f"{self.video.dtype} {self.video.shape}."
      )
    count, frames = self.video.shape[:2]
    is_of_all = self.audio.ndim == 3 and len(self.audio) == count
    if not is_of_all or self.audio.shape[1] % frames:
      raise UserError(
        f"audio must be [n, r t, m] with a whole r for video {count} x "
        f"{frames} frames, got shape {self.audio.shape}."
      )

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """The (h, w, c) of every frame."""
    return self.video.shape[2:]

  @property
  def row_shape(self) -> dict[str, tuple[int, ...]]:
    """Shapes of frames and sound of a clip."""
    return {VIDEO: self.video.shape[1:], AUDIO: self.audio.shape[1:]}

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
  ) -> Iterator[tuple[Row, ...]]:
    """Returns whole clips; the training step crops them on the device."""
    del crops  # part of the protocol; only sources that crop need them
    return ((self._rows(rows.indices),) for rows in requests)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[Row]:
    """Returns the clips unchanged."""
    return map(self._rows, batches)

  def _rows(self, indices: np.ndarray) -> Row:
    return {VIDEO: self.video[indices], AUDIO: self.audio[indices]}
