"""Video files as a source: windows of time, decoded by host threads.

Frames come resized, the sound as a log-mel spectrogram. What is drawn in
space, and the normalisation, follow on the device, inside the training step.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Self

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.data.clips import sound, video
from suncet_jax.data.clips.clip import AUDIO, VIDEO, row_shape
from suncet_jax.data.errors import DataError, ImageError
from suncet_jax.data.folder.load import FileRecords
from suncet_jax.data.images.prefetch import in_order
from suncet_jax.data.images.source import GREY, BadImages, thread_pool
from suncet_jax.data.records.base import read_patiently
from suncet_jax.data.source import Crop, Request

Row = dict[str, np.ndarray]
# Frames that a window can be moved by -> by how many it is.
Choice = Callable[[int], int]


class ClipFiles:
  """Clips of video files by index.

  A clip is a window of so many frames, and the sound of the same time. Of a
  video that is shorter the last frame is held, and silence follows.

  Attributes:
    records: The files.
    labels: Labels, int32 [n]; -1 means unlabelled.
    names: File names in the same order.
    row_shape: Shapes of frames and sound of a clip.
    image_shape: Shape (h, w, c) of a frame.
    crops_on_host: True, since `views` yields windows that are drawn.
    bad: Videos that could not be decoded.
    failure: Error in preparing clips ahead of their use, or None.
  """

  crops_on_host = True

  def __init__(
    self,
    records: FileRecords,
    clips: ConfigDict,
    *,
    workers: int = 0,
    max_bad_fraction: float = 0.001,
  ) -> None:
    """Initializes without reading.

    Args:
      records: The files.
      clips: `config.data.clips`: size, rates, what to do without sound.
      workers: Number of threads; 0 means as many as this process has CPUs.
      max_bad_fraction: Largest share of videos that cannot be decoded.
    """
    # An absent package is told of before anything is read.
    video.library()
    sound.filterbank()
    self.records = records
    self.labels, self.names = records.labels, records.names
    self.row_shape = row_shape(clips)
    _, *self._frame = self.row_shape[VIDEO]
    self.bad = BadImages(len(records.labels), max_bad_fraction, "video")
    self.failure: DataError | None = None
    self._clips, self._pool = clips, thread_pool(workers)

  @classmethod
  def from_config(cls, records: FileRecords, data: ConfigDict) -> Self:
    """Makes a source of files as `config.data` describes it."""
    return cls(
      records,
      data.clips,
      workers=data.workers,
      max_bad_fraction=data.max_bad_fraction,
    )

  @property
  def image_shape(self) -> tuple[int, int, int]:
    """The (h, w, c) of a frame."""
    height, width, channels = self._frame
    return height, width, channels

  def views(
    self, requests: Iterable[Request], crops: Sequence[Crop]
  ) -> Iterator[tuple[Row, ...]]:
    """Yields windows at times that are drawn, one for each crop.

    Args:
      requests: Clips and draws of each batch; the first number of a view is
        its time.
      crops: One for each view; all windows have the source's size.

    Yields:
      Clips of each view, for each batch.
    """

    def begin(rows: Request) -> tuple[tuple[Row, ...], list[Future]]:
      draws = rows.draws
      assert draws is not None, "a source that draws windows needs draws"
      outs = tuple(self._empty(len(rows.indices)) for _ in crops)

      def choices(row: int) -> list[Choice]:
        units = [float(view[0]) for view in draws[row]]
        return [functools.partial(_drawn, unit) for unit in units]

      return outs, self._submit(rows.indices, choices, outs)

    yield from in_order(begin, requests)

  def images(self, batches: Iterable[np.ndarray]) -> Iterator[Row]:
    """Yields the window in the middle of each video."""

    def begin(indices: np.ndarray) -> tuple[Row, list[Future]]:
      out = self._empty(len(indices))
      return out, self._submit(indices, lambda row: [_middle], (out,))

    yield from in_order(begin, batches)

  def _empty(self, count: int) -> Row:
    return {
      VIDEO: np.empty((count, *self.row_shape[VIDEO]), np.uint8),
      AUDIO: np.empty((count, *self.row_shape[AUDIO]), np.float32),
    }

  def _submit(
    self,
    indices: np.ndarray,
    choices: Callable[[int], list[Choice]],
    outs: tuple[Row, ...],
  ) -> list[Future]:
    """Starts to make all rows of a batch."""
    return [
      self._pool.submit(
        self._make_row,
        int(index),
        choices(row),
        [{name: leaf[row] for name, leaf in out.items()} for out in outs],
      )
      for row, index in enumerate(indices)
    ]

  def _make_row(
    self, index: int, choices: Sequence[Choice], outs: Sequence[Row]
  ) -> None:
    name = self.names[index]
    path = self.records.paths[index]

    def make() -> None:
      write_windows(path, choices, self._clips, outs)

    try:
      read_patiently(make, f"video {name}")
    except ImageError as error:
      for out in outs:
        out[VIDEO][...], out[AUDIO][...] = GREY, sound.SILENCE
      self._note(index, name, str(error))
    except DataError as error:
      self.failure = error
      raise

  def _note(self, index: int, name: str, reason: str) -> None:
    """Counts a bad video, and ends the run if there are too many."""
    try:
      self.bad.add(index, name, reason)
    except DataError as error:
      self.failure = error
      raise


def _drawn(unit: float, room: int) -> int:
  return int(unit * (room + 1))


def _middle(room: int) -> int:
  return room // 2


def write_windows(
  path: str, choices: Sequence[Choice], clips: Any, outs: Sequence[Row]
) -> None:
  """Decodes windows of a video file.

  Args:
    path: Path or URL of the file.
    choices: For each window, how its first frame is chosen.
    clips: `config.data.clips`.
    outs: Arrays to fill in, one row for each window.

  Raises:
    ImageError: If the file cannot be decoded, or has no sound and must.
    OSError: If it cannot be read.
  """
  with video.opened(path) as container:
    is_silent = not container.streams.audio
    if is_silent and clips.no_sound == "bad":
      raise ImageError(
        "it has no sound track; --config.data.clips.no_sound=silent takes "
        "silence in its place"
      )
    room = video.frame_count(container, clips.fps) - clips.frames
    for choose, out in zip(choices, outs, strict=True):
      first = choose(max(0, room))
      moments = (first + np.arange(clips.frames) + 0.5) / clips.fps
      video.read_frames(container, moments, out[VIDEO], may_end=room < 0)
      if is_silent:
        out[AUDIO][...] = sound.SILENCE
      else:
        out[AUDIO][...] = _spectrogram(container, first, clips)


def _spectrogram(container: Any, first: int, clips: Any) -> np.ndarray:
  """Returns the columns of the frames from `first` on."""
  rate = clips.sample_rate
  hop = round(rate / (clips.fps * clips.audio_per_frame))
  columns = clips.frames * clips.audio_per_frame
  around = sound.window_length(rate, hop) - hop
  start = first * clips.audio_per_frame * hop - around // 2
  samples = sound.read_samples(container, start, columns * hop + around, rate)
  return sound.log_mel(samples, rate, hop, clips.bands)
