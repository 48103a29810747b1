"""Small videos with sound, written by PyAV, whose frames tell their number."""

import fractions

import av
import numpy as np

SIDE = 64
_BITS = 8
_STRIPE = SIDE // _BITS
_TONE = 1000  # Hz


def frame(number):
  """Returns a frame whose eight vertical stripes are the bits of a number."""
  bits = [(number >> bit) & 1 for bit in range(_BITS)]
  row = np.repeat(np.array(bits, np.uint8) * 255, _STRIPE)
  return np.broadcast_to(row[None, :, None], (SIDE, SIDE, 3))


def numbers(video):
  """Returns the numbers of frames [t, h, w, c], of whatever size."""
  middle = video[:, video.shape[1] // 2, :, 0].astype(int)
  width = video.shape[2] // _BITS
  bits = middle[:, width // 2 :: width][:, :_BITS] > 127
  return (bits << np.arange(_BITS)).sum(axis=1).tolist()


def write(
  path,
  *,
  frames=50,
  fps=25,
  codec="mpeg4",
  sound="aac",
  rate=44100,
  loud=(),
  rotation=0,
):
  """Writes a video; a tone sounds in the frames `loud`, else it is silent.

  Args:
    path: File to write; its suffix says which container.
    frames: Number of frames; frame i shows the number i.
    fps: Frames per second.
    codec: Codec of the frames.
    sound: Codec of the sound; None: no sound track.
    rate: Samples per second.
    loud: Numbers of the frames during which the tone sounds.
    rotation: Degrees by which players turn the frames.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  with av.open(str(path), "w") as container:
    video = container.add_stream(codec, rate=fps)
    video.width = video.height = SIDE
    video.pix_fmt, video.bit_rate = "yuv420p", 2_000_000
    video.gop_size = 12  # frames between key frames
    if rotation:
      video.set_display_rotation(rotation)
    if sound:
      audio = container.add_stream(sound, rate=rate, layout="mono")
    for number in range(frames):
      made = av.VideoFrame.from_ndarray(
        np.ascontiguousarray(frame(number)), format="rgb24"
      )
      made.pts = number
      container.mux(video.encode(made))
    container.mux(video.encode())
    if sound:
      _write_sound(container, audio, _samples(frames / fps, fps, rate, loud))


def _samples(seconds, fps, rate, loud):
  time = np.arange(round(seconds * rate)) / rate
  is_loud = np.isin((time * fps + 1e-9).astype(int), list(loud))
  return np.where(is_loud, np.sin(2 * np.pi * _TONE * time) / 2, 0)


def _write_sound(container, stream, samples):
  made = av.AudioFrame.from_ndarray(
    samples[None].astype(np.float32), format="fltp", layout="mono"
  )
  made.sample_rate, made.pts = stream.rate, 0
  made.time_base = fractions.Fraction(1, stream.rate)
  resampler = av.AudioResampler(stream.format, "mono", stream.rate)
  for part in (*resampler.resample(made), *resampler.resample(None)):
    container.mux(stream.encode(part))
  container.mux(stream.encode())


def columns_of(audio, frames):
  """Returns the frames whose sound is loud: half their columns or more.

  Args:
    audio: Log-mel spectrogram [r frames, m].
    frames: Number of frames.
  """
  energy = np.exp(audio).sum(axis=1).reshape(frames, -1)
  is_loud = energy > max(energy.max() / 4, 1.0)  # silence is not loud
  return np.flatnonzero(is_loud.mean(axis=1) >= 0.5).tolist()
