"""Windows of video files: exact frames, sound of the same time, and faults."""

import numpy as np
import pytest
import video_files

from suncet_jax.config import base
from suncet_jax.data.clips import sound
from suncet_jax.data.clips.source import ClipFiles
from suncet_jax.data.errors import ReadError, TooManyBadImagesError
from suncet_jax.data.folder.classes import Classes
from suncet_jax.data.folder.items import Item
from suncet_jax.data.folder.load import FileRecords
from suncet_jax.data.load import load
from suncet_jax.data.source import Crop, Request
from suncet_jax.errors import UserError

_FRAMES = 16
_CROP = Crop(32, (1.0, 1.0), (1.0, 1.0))
_CONTAINERS = {
  "mp4": {"codec": "mpeg4", "sound": "aac", "rate": 44100},
  "mkv": {"codec": "ffv1", "sound": "flac", "rate": 22050},
  "webm": {"codec": "libvpx", "sound": "libopus", "rate": 48000},
  "mov": {"codec": "libx264", "sound": "pcm_s16le", "rate": 8000},
}


def _config(**clips):
  config = base("simclr")
  config.data.source = "clips"
  config.data.clips.update(
    {"frames": _FRAMES, "size": 32, "bands": 20, **clips}
  )
  config.data.max_bad_fraction = 1.0
  return config


def _source(paths, most=1.0, **clips):
  items = [Item(str(path), path.name, "a") for path in paths]
  config = _config(**clips)
  config.data.max_bad_fraction = most
  return ClipFiles.from_config(FileRecords(items, Classes(items)), config.data)


def _windows(source, units, index=0):
  """Returns the clips of one file at draws in [0, 1)."""
  draws = np.zeros((1, len(units), 22))
  draws[0, :, 0] = units
  request = Request(np.array([index]), draws)
  (views,) = source.views([request], [_CROP] * len(units))
  return [{name: leaf[0] for name, leaf in view.items()} for view in views]


@pytest.mark.parametrize("suffix", _CONTAINERS)
def test_windows_have_the_frames_of_their_time_and_the_sound(tmp_path, suffix):
  loud = {12, 13, 30}
  path = tmp_path / f"a.{suffix}"
  video_files.write(path, loud=loud, **_CONTAINERS[suffix])
  room = 50 - _FRAMES
  starts = (0, 5, 11, 12, 25, room)
  found = _windows(
    _source([path]), [(start + 0.5) / (room + 1) for start in starts]
  )
  for start, clip in zip(starts, found, strict=True):
    assert clip["video"].shape == (_FRAMES, 32, 32, 3)
    assert clip["audio"].shape == (_FRAMES * 4, 20)
    assert clip["audio"].dtype == np.float32
    shown = list(range(start, start + _FRAMES))
    assert video_files.numbers(clip["video"]) == shown, start
    heard = [shown[i] for i in video_files.columns_of(clip["audio"], _FRAMES)]
    assert heard == sorted(loud & set(shown)), start


def test_sound_begins_within_a_column_of_its_frame(tmp_path):
  path = tmp_path / "a.mp4"
  video_files.write(path, loud=range(20, 50))
  (clip,) = _windows(_source([path]), [12.5 / 35])
  energy = np.exp(clip["audio"]).sum(axis=1)
  begin = int(np.argmax(energy > energy.max() / 2))
  assert abs(begin - 4 * 8) <= 1  # frame 20 of the window from 12 on


@pytest.mark.parametrize("fps", [12, 30, 50])
def test_other_frame_rates_show_what_is_seen_at_that_time(tmp_path, fps):
  path = tmp_path / "a.mkv"
  loud = range(fps, fps + fps // 5)  # from second 1 on, for a fifth
  video_files.write(
    path, frames=2 * fps, fps=fps, codec="ffv1", sound="flac", loud=loud
  )
  (clip,) = _windows(_source([path]), [18.5 / 35])
  moments = (18 + np.arange(_FRAMES) + 0.5) / 25
  assert (
    video_files.numbers(clip["video"])
    == (moments * fps + 0.01).astype(int).tolist()
  )
  heard = video_files.columns_of(clip["audio"], _FRAMES)
  assert heard[0] == 25 - 18
  assert heard[-1] in (25 - 18 + 4, 25 - 18 + 3)


def test_evaluation_sees_the_middle(tmp_path):
  path = tmp_path / "a.mp4"
  video_files.write(path)
  source = _source([path])
  (first,), (again,) = (list(source.images([np.array([0])])) for _ in range(2))
  assert video_files.numbers(first["video"][0]) == list(range(17, 33))
  for name in first:
    np.testing.assert_array_equal(first[name], again[name])


def test_of_a_shorter_video_the_last_frame_is_held(tmp_path):
  path = tmp_path / "a.mp4"
  video_files.write(path, frames=6, loud=range(6))
  first, other = _windows(_source([path]), [0.0, 0.9])
  assert video_files.numbers(first["video"]) == [*range(6), *[5] * 10]
  assert video_files.columns_of(first["audio"], _FRAMES)[-1] <= 6
  np.testing.assert_allclose(first["audio"][-20:], sound.SILENCE, atol=1e-3)
  np.testing.assert_array_equal(first["video"], other["video"])


def test_grey_frames_and_a_bound_of_the_sound(tmp_path):
  path = tmp_path / "a.mp4"
  video_files.write(path)
  source = _source([path], channels=1, audio_per_frame=2, bands=12)
  (clip,) = _windows(source, [0.0])
  assert clip["video"].shape == (_FRAMES, 32, 32, 1)
  assert clip["audio"].shape == (2 * _FRAMES, 12)
  assert video_files.numbers(clip["video"]) == list(range(_FRAMES))


def test_a_turned_video_is_upright(tmp_path):
  upright, turned = tmp_path / "a.mp4", tmp_path / "b.mp4"
  video_files.write(upright, frames=16)
  video_files.write(turned, frames=16, rotation=90)
  source = _source([upright, turned])
  (clip,), (other,) = (_windows(source, [0.0], index) for index in (0, 1))
  expected = np.rot90(clip["video"], axes=(1, 2))
  assert np.abs(expected.astype(int) - other["video"]).mean() < 3


def test_without_a_sound_track_it_is_bad_or_silent(tmp_path, caplog):
  path = tmp_path / "a.mp4"
  video_files.write(path, sound=None)
  (clip,) = _windows(_source([path]), [0.0])
  assert "Video a.mp4 cannot be decoded (it has no sound track" in caplog.text
  assert "--config.data.clips.no_sound=silent" in caplog.text
  assert (clip["video"] == 128).all()
  (clip,) = _windows(_source([path], no_sound="silent"), [0.0])
  assert video_files.numbers(clip["video"]) == list(range(_FRAMES))
  assert (clip["audio"] == np.float32(sound.SILENCE)).all()


def _damaged(tmp_path):
  """Returns files that are no videos, or no whole ones."""
  whole = tmp_path / "whole.mp4"
  video_files.write(whole)
  content = whole.read_bytes()
  made = {
    "noise.mp4": bytes(range(256)) * 40,
    "empty.mp4": b"",
    "half.mp4": content[: len(content) // 2],
    "text.mp4": b"This is no video.",
  }
  for name, damaged in made.items():
    (tmp_path / name).write_bytes(damaged)
  only_sound = tmp_path / "sound.mka"
  video_files.write(tmp_path / "whole.mkv", codec="ffv1", sound="flac")
  cut = tmp_path / "cut.mkv"
  content = (tmp_path / "whole.mkv").read_bytes()
  cut.write_bytes(content[: len(content) * 7 // 10])
  del only_sound
  return [tmp_path / name for name in made], cut, whole


def test_a_video_that_cannot_be_decoded_is_grey_and_silent(tmp_path, caplog):
  damaged, _, whole = _damaged(tmp_path)
  source = _source([*damaged, whole])
  for index, path in enumerate(damaged):
    (clip,) = _windows(source, [0.5], index)
    assert f"Video {path.name} cannot be decoded" in caplog.text
    assert (clip["video"] == 128).all()
    assert (clip["audio"] == np.float32(sound.SILENCE)).all()
  (clip,) = _windows(source, [0.0], len(damaged))
  assert video_files.numbers(clip["video"]) == list(range(_FRAMES))
  assert len(source.bad) == len(damaged)


def test_a_video_that_ends_before_its_time_is_bad_there(tmp_path, caplog):
  _, cut, _ = _damaged(tmp_path)
  source = _source([cut])
  (clip,) = _windows(source, [0.0])
  assert video_files.numbers(clip["video"]) == list(range(_FRAMES))
  (clip,) = _windows(source, [0.99])
  assert (clip["video"] == 128).all()
  assert "Video cut.mkv cannot be decoded (its frames end at" in caplog.text


def test_too_many_bad_videos_end_a_run(tmp_path):
  damaged, _, whole = _damaged(tmp_path)
  source = _source([*damaged, whole], most=0.1)
  with pytest.raises(TooManyBadImagesError, match="1 of 5 videos cannot be"):
    _windows(source, [0.0])
  assert isinstance(source.failure, TooManyBadImagesError)


def test_a_video_that_is_gone_ends_a_run(tmp_path):
  source = _source([tmp_path / "gone.mp4"])
  with pytest.raises(ReadError, match=r"Reading video gone\.mp4 failed"):
    _windows(source, [0.0])
  assert isinstance(source.failure, ReadError)


def test_a_folder_of_classes_and_a_list(tmp_path):
  for part in ("train", "test"):
    for name in ("dog", "cat"):
      video_files.write(tmp_path / part / name / "1.mp4", frames=4)
  (tmp_path / "train" / "dog" / "notes.txt").write_text("")
  config = _config()
  config.data.train = str(tmp_path / "train")
  config.data.test = str(tmp_path / "test.csv")
  (tmp_path / "test.csv").write_text("path,label\ntest/dog/1.mp4,dog\n")
  dataset = load(config)
  assert dataset.class_names == ("cat", "dog")
  assert dataset.train.names == ["cat/1.mp4", "dog/1.mp4"]
  assert dataset.train.labels.tolist() == [0, 1]
  assert dataset.test.labels.tolist() == [1]
  assert dataset.train.row_shape == {
    "video": (16, 32, 32, 3),
    "audio": (64, 20),
  }
  config.data.train = str(tmp_path / "train" / "dog")
  with pytest.raises(UserError, match="holds videos outside of class"):
    load(config)
