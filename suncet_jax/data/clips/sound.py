"""Sound of video files: samples by time, and log-mel spectrograms.

FFmpeg decodes and resamples; kaldi-native-fbank makes the spectrogram, with
the windows and bands that speech recognition uses.
"""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from suncet_jax.data.clips.video import library, origin
from suncet_jax.optional import needed_for

# Seconds that are decoded before and behind: the first frame after a jump, and
# the ends of the resampling, are not exact.
_LEAD = 0.2
_JUMP = 0.02  # seconds; smaller differences of times are roundings of the file
_WINDOW = 0.025  # seconds that a column of the spectrogram sees
_LOWEST = 20.0  # Hz
# Log energy of digital silence: the smallest that kaldi-native-fbank gives.
SILENCE = float(np.log(np.finfo(np.float32).eps))


def filterbank() -> ModuleType:
  """Returns kaldi-native-fbank.

  Raises:
    UserError: If it is not installed.
  """
  with needed_for("data.source=clips", extra="clips"):
    import kaldi_native_fbank
  return kaldi_native_fbank


def read_samples(
  container: Any, start: int, count: int, rate: int
) -> np.ndarray:
  """Decodes samples of the sound, mixed to one channel.

  Args:
    container: Open video that has sound.
    start: First sample, counted from the first frame; may be negative.
    count: Number of samples.
    rate: Samples per second.

  Returns:
    float32 [count] in [-1, 1]; 0 where there is no sound.

  Raises:
    FFmpegError: If the sound cannot be decoded.
  """
  stream = container.streams.audio[0]
  native = stream.codec_context.sample_rate
  lead = round(_LEAD * rate)
  begin = (start - lead) / rate
  span = round((count + 2 * lead) / rate * native)
  values = _gathered(container, stream, begin + origin(container), span, native)
  resampled = _resampled(values, native, rate)[lead : lead + count]
  missing = count - len(resampled)
  return np.pad(resampled, (0, missing)) if missing else resampled


def _gathered(
  container: Any, stream: Any, begin: float, span: int, native: int
) -> np.ndarray:
  """Returns samples at the file's own rate, from a time on."""
  whole, position = np.zeros(span, np.float32), None
  for time, piece in _pieces(container, stream, begin, native):
    there = round((time - begin) * native)
    if position is None or abs(there - position) > _JUMP * native:
      position = there
    if position >= span:
      break
    low, high = max(position, 0), min(position + len(piece), span)
    if low < high:
      whole[low:high] = piece[low - position : high - position]
    position += len(piece)
  return whole


def _pieces(
  container: Any, stream: Any, begin: float, native: int
) -> Iterator[tuple[float, np.ndarray]]:
  """Yields time and samples of decoded frames, from before a time on."""
  to_mono = library().AudioResampler("flt", "mono", native)
  for frame in _decoded_from(container, stream, begin):
    # A frame without a time follows the one before.
    time = begin if frame.time is None else frame.time
    frame.pts = None  # so that the resampler fills no gaps
    pieces = [part.to_ndarray()[0] for part in to_mono.resample(frame)]
    if pieces:
      yield time, np.concatenate(pieces)


def _decoded_from(container: Any, stream: Any, start: float) -> Iterator[Any]:
  """Yields frames, the first one not later than a time if there is one."""
  first_of_all = float((stream.start_time or 0) * stream.time_base)
  container.seek(int(start / stream.time_base), stream=stream)
  frames = container.decode(stream)
  first = next(frames, None)
  is_late = first is None or first.time is None or first.time > start
  if is_late and start > first_of_all:
    container.seek(int(stream.start_time or 0), stream=stream)
    yield from container.decode(stream)
    return
  if first is not None:
    yield first
  yield from frames


def _resampled(values: np.ndarray, native: int, rate: int) -> np.ndarray:
  if native == rate:
    return values
  av = library()
  frame = av.AudioFrame.from_ndarray(values[None], format="flt", layout="mono")
  frame.sample_rate = native
  resampler = av.AudioResampler("flt", "mono", rate)
  parts = [*resampler.resample(frame), *resampler.resample(None)]
  return np.concatenate([part.to_ndarray()[0] for part in parts])


def window_length(rate: int, hop: int) -> int:
  """Returns the number of samples that a column of the spectrogram sees.

  Args:
    rate: Samples per second.
    hop: Samples from column to column.
  """
  return max(round(_WINDOW * rate), hop)


def log_mel(samples: np.ndarray, rate: int, hop: int, bands: int) -> np.ndarray:
  """Returns a log-mel spectrogram, one column per hop.

  Column i is about the hop from sample i * hop on: its window has that hop in
  the middle, so that samples must begin, and end, half a window earlier and
  later, less half a hop.

  Args:
    samples: Samples in [-1, 1], float32 [columns * hop + window - hop].
    rate: Samples per second.
    hop: Samples from column to column.
    bands: Number m of mel bands.

  Returns:
    float32 [columns, m].
  """
  bank = filterbank()
  options = bank.FbankOptions()
  frames = options.frame_opts
  frames.samp_freq = rate
  frames.dither = 0.0  # which would be random
  # In milliseconds, and cut off to whole samples: the half makes up for that.
  frames.frame_shift_ms = 1000 * (hop + 0.5) / rate
  frames.frame_length_ms = 1000 * (window_length(rate, hop) + 0.5) / rate
  options.mel_opts.num_bins = bands
  options.mel_opts.low_freq = _LOWEST
  made = bank.OnlineFbank(options)
  made.accept_waveform(rate, samples.tolist())
  made.input_finished()
  columns = [made.get_frame(i) for i in range(made.num_frames_ready)]
  return np.stack(columns).astype(np.float32)
