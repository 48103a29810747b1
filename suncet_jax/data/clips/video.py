"""Frames of video files by time, decoded by PyAV (FFmpeg).

Times are in seconds from the first frame. A moment shows the last frame that
begins before it, so that a video of any frame rate has a frame for each.
"""

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from suncet_jax.data.errors import ImageError
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded
from suncet_jax.optional import needed_for

# A file is cut off if its frames end so long before the time that it tells.
_LOST = 0.5
_ROUNDING = 1e-3  # seconds; of times in files
_NOT_THERE = (FileNotFoundError, PermissionError, IsADirectoryError)


class Facts(NamedTuple):
  """What a video file tells of itself.

  Attributes:
    seconds: Length of the frames.
    fps: Frames per second.
    size: Height and width of its frames, in pixels.
    sample_rate: Samples of its sound per second; 0: it has none.
  """

  seconds: float
  fps: float
  size: tuple[int, int]
  sample_rate: int


def library() -> ModuleType:
  """Returns PyAV.

  Raises:
    UserError: If it is not installed.
  """
  with needed_for("data.source=clips", extra="clips"):
    import av
  return av


@contextlib.contextmanager
def opened(path: str) -> Iterator[Any]:
  """Opens a video file, local or in a bucket; its faults get one type.

  Args:
    path: Path or URL of the file.

  Raises:
    ImageError: If the file, or what is read of it, cannot be decoded.
    OSError: If the file cannot be read.
  """
  av = library()
  try:
    with contextlib.ExitStack() as stack:
      place: Any = str(expanded(path))
      if storage.in_bucket(path):
        with storage.one_kind_of_error():
          file = stack.enter_context(expanded(path).open("rb"))
        place = _Remote(file)
      container = stack.enter_context(av.open(place))
      if not container.streams.video:
        raise ImageError("it has no frames, expected a video")
      # The threads of the pool share the CPUs already.
      container.streams.video[0].thread_type = "NONE"
      yield container
  except av.FFmpegError as error:
    if isinstance(error, _NOT_THERE):
      raise
    _check_readable(path)
    raise ImageError(f"FFmpeg says: {error.strerror}") from error


class _Remote:
  """A file in a bucket for PyAV, whose reading fails with OSError."""

  def __init__(self, file: Any) -> None:
    self._file = file

  def read(self, size: int) -> bytes:
    """Returns the next bytes, none at the end."""
    with storage.one_kind_of_error():
      return self._file.read(size)

  def seek(self, offset: int, whence: int = 0) -> int:
    """Moves to a place as `io.IOBase.seek` does, and returns it."""
    with storage.one_kind_of_error():
      self._file.seek(offset, whence)
      return self._file.tell()

  def tell(self) -> int:
    """Returns the place of the next byte."""
    with storage.one_kind_of_error():
      return self._file.tell()


def _check_readable(path: str) -> None:
  """Reads a byte: FFmpeg's errors do not tell a bad disk from a bad file."""
  with storage.one_kind_of_error(), expanded(path).open("rb") as file:
    file.read(1)


def facts(container: Any) -> Facts:
  """Returns what an open video tells of itself."""
  stream = container.streams.video[0]
  sound = container.streams.audio
  return Facts(
    _seconds(container),
    float(stream.average_rate or stream.guessed_rate or 0),
    (stream.codec_context.height, stream.codec_context.width),
    sound[0].codec_context.sample_rate if sound else 0,
  )


def origin(container: Any) -> float:
  """Returns the time of the first frame in the file, in seconds."""
  stream = container.streams.video[0]
  return float((stream.start_time or 0) * stream.time_base)


def frame_count(container: Any, fps: float) -> int:
  """Returns the number of whole frames that a video has at a rate."""
  return int(_seconds(container) * fps + 1e-3)


def _seconds(container: Any) -> float:
  stream = container.streams.video[0]
  if stream.duration:
    return float(stream.duration * stream.time_base)
  if container.duration:
    # In microseconds from 0 on, over all streams.
    return container.duration / 1e6 - max(0.0, origin(container))
  ends = [
    float((packet.pts + (packet.duration or 0)) * packet.time_base)
    for packet in container.demux(stream)
    if packet.pts is not None
  ]
  if not ends:
    raise ImageError("its frames have no times")
  return max(ends) - origin(container)


def read_frames(
  container: Any, times: np.ndarray, out: np.ndarray, *, may_end: bool = False
) -> None:
  """Decodes the frames that are shown at some moments.

  The short side is resized to the size of `out` and the centre taken.

  Args:
    container: Open video.
    times: Moments in seconds from the first frame, ascending.
    out: Array to fill in, uint8 [t, size, size, c] with c 1 (grey) or 3.
    may_end: Whether the video may end before; its last frame is then repeated.

  Raises:
    ImageError: If there are no frames at that time.
  """
  stream = container.streams.video[0]
  wanted = times + origin(container)
  # Width / height of a pixel: those of DVDs are no squares.
  ratio = float(stream.sample_aspect_ratio or 1)
  shown, position = None, 0
  for frame in _decoded_from(container, stream, wanted[0]):
    if frame.time is None:
      raise ImageError("its frames have no times")
    after = np.searchsorted(wanted, frame.time - _ROUNDING)
    if shown is not None and after > position:
      out[position:after] = _pixels(shown, ratio, out)
      position = int(after)
      if position == len(wanted):
        return
    shown = frame
  if shown is None:
    raise ImageError("it has no frames that can be decoded")
  if not may_end and wanted[-1] - shown.time > _LOST:
    end = shown.time - origin(container)
    raise ImageError(f"its frames end at {end:.1f} s, before its end")
  out[position:] = _pixels(shown, ratio, out)


def _decoded_from(container: Any, stream: Any, start: float) -> Iterator[Any]:
  """Yields frames, the first one not later than a time if there is one."""
  container.seek(int(start / stream.time_base), stream=stream)
  frames = container.decode(stream)
  first = next(frames, None)
  if first is None or first.time is None or first.time > start:
    # Some formats find only a later frame, or none.
    container.seek(int(stream.start_time or 0), stream=stream)
    yield from container.decode(stream)
    return
  yield first
  yield from frames


def _pixels(frame: Any, ratio: float, out: np.ndarray) -> np.ndarray:
  """Returns the centre of a frame, uint8 [size, size, c] as of `out`."""
  _, size, _, channels = out.shape
  flags = library().video.reformatter.Interpolation
  wide = frame.width * ratio
  scale = size / min(frame.height, wide)
  small = frame.reformat(
    width=max(size, round(wide * scale)),
    height=max(size, round(frame.height * scale)),
    format="gray" if channels == 1 else "rgb24",
    interpolation=int(flags.AREA | flags.ACCURATE_RND | flags.BITEXACT),
    threads=1,
  )
  pixels = small.to_ndarray().reshape(small.height, small.width, channels)
  top, left = (small.height - size) // 2, (small.width - size) // 2
  pixels = pixels[top : top + size, left : left + size]
  return np.rot90(pixels, round(frame.rotation / 90))
