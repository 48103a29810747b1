"""`python -m suncet_jax.check` on videos: lengths, rates, faults, pictures."""

import io

import numpy as np
import pytest
import running
import video_files
from PIL import Image

_CONFIG = f"--config={running.ROOT}/configs/clips.py:"


@pytest.fixture
def folder(tmp_path):
  """Returns a folder of videos of two classes, one of them damaged."""
  for number in range(4):
    path = tmp_path / "train" / "ant" / f"{number}.mp4"
    video_files.write(path, frames=40 + number)
  video_files.write(tmp_path / "train/bee/0.webm", fps=50, **_WEBM)
  video_files.write(tmp_path / "train/bee/1.mp4", frames=5)
  (tmp_path / "train/bee/2.mp4").write_bytes(b"This is no video.")
  for name in ("ant", "bee"):
    video_files.write(tmp_path / "test" / name / "0.mp4", sound=None)
  return tmp_path


_WEBM = {"codec": "libvpx", "sound": "libopus", "rate": 48000, "frames": 80}
_FLAGS = (
  "--config.data.clips.frames=16",
  "--config.data.batch_size=4",
  "--config.model.name=resnet8",
)


def _check(folder, *flags):
  return running.run(
    "suncet_jax.check",
    f"{_CONFIG}train={folder}/train,test={folder}/test,method=suncet,"
    "validation=1",
    *_FLAGS,
    *flags,
  )


def test_it_prints_lengths_rates_and_faults(folder):
  sheet = folder / "sheet.png"
  code, output = _check(folder, f"--pictures={sheet}")
  assert code in (1, 2), output
  assert "train: 0.2 to 1.7 s long" in output
  assert "25 (5), 50 (1) frames per second; 64 x 64 to 64 x 64" in output
  assert "sound: 44100 Hz (5), 48000 Hz (1)" in output
  assert "a clip is 16 frames at 25 per second, 0.64 s" in output
  assert "1 videos are shorter; their last frame is held" in output
  assert "bee/1.mp4" in output
  assert "bad: bee/2.mp4: FFmpeg says: Invalid data found" in output
  assert "train: 1 of 7 videos are bad; a run would stop" in output
  assert "bad: ant/0.mp4: it has no sound track" in output
  assert "test: 2 of 2 videos are bad" in output
  with Image.open(io.BytesIO(sheet.read_bytes())) as picture:
    assert np.asarray(picture.convert("L")).std() > 5


def test_a_run_may_bear_them(folder):
  _, output = _check(
    folder,
    "--config.data.max_bad_fraction=0.2",
    "--config.data.clips.no_sound=silent",
  )
  assert "1 of 7 videos are bad; a run replaces them by grey" in output
  assert "test: 2.0 to 2.0 s long" in output
  assert "; sound: none" in output


def test_clips_made_in_code():
  code, output = running.run(
    "suncet_jax.check",
    f"{_CONFIG}synthetic=mouths,method=suncet",
    "--config.data.clips.count=120",
    "--config.data.clips.test_count=20",
    "--config.data.clips.frames=6",
    "--config.model.name=resnet8",
  )
  assert "mouths: 10 classes" in output, output
  assert (
    "train: in memory, 6 frames of 32 x 32, 1 channels; 24 columns of sound of "
    "40 bands"
  ) in output
  assert code in (0, 2)
