"""The transform of clips: one place and one side for all frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from suncet_jax.data.clips.clip import Clip
from suncet_jax.errors import UserError

_SHAPE = {"video": (5, 9, 12, 3), "audio": (20, 7)}


def _rows(count=6, seed=0):
  numbers = np.random.default_rng(seed)
  video = numbers.integers(0, 256, (count, *_SHAPE["video"]), np.uint8)
  audio = numbers.normal(-3, 2, (count, *_SHAPE["audio"])).astype(np.float32)
  return {"video": video, "audio": audio}


def _keys(count=6, seed=0):
  return jax.random.split(jax.random.key(seed), count)


def test_a_view_is_a_window_of_all_frames_and_maybe_its_mirror_image():
  rows, clip = _rows(64), Clip(size=7)
  view = clip.view(rows, _keys(64))
  places = set()
  for video, made in zip(rows["video"], np.asarray(view["video"]), strict=True):
    found = [
      (top, left, side)
      for top in range(3)
      for left in range(6)
      for side in (1, -1)
      if np.allclose(
        video[:, top : top + 7, left : left + 7][:, :, ::side] / 255, made
      )
    ]
    assert len(found) == 1
    places |= set(found)
  assert {place[0] for place in places} == {0, 1, 2}
  assert {place[1] for place in places} == set(range(6))
  assert {place[2] for place in places} == {1, -1}


def test_a_clip_depends_on_its_key_alone():
  rows, clip = _rows(), Clip(size=7)
  whole = clip.view(rows, _keys())
  part = clip.view(jax.tree.map(lambda x: x[3:5], rows), _keys()[3:5])
  for name in rows:
    np.testing.assert_array_equal(part[name], whole[name][3:5])


def test_plain_is_the_centre_normalised():
  rows = _rows()
  clip = Clip(size=7, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
  plain = clip.plain(rows)["video"]
  expected = rows["video"][:, :, 1:8, 2:9] / 255
  expected = (expected - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
  np.testing.assert_allclose(plain, expected, atol=1e-5)


@pytest.mark.parametrize(
  ("norm", "axes"), [("clip", (1, 2)), ("band", (1,)), ("none", ())]
)
def test_sound_is_normalised_the_same_way_in_both(norm, axes):
  rows, clip = _rows(), Clip(audio_norm=norm)
  audio = rows["audio"].astype(np.float64)
  if axes:
    audio -= audio.mean(axis=axes, keepdims=True)
    audio /= audio.std(axis=axes, keepdims=True)
  for made in (clip.plain(rows), clip.view(rows, _keys())):
    np.testing.assert_allclose(made["audio"], audio, atol=1e-4)


def test_given_values_come_first_and_the_limit_last():
  rows = _rows()
  clip = Clip(audio_mean=(-3.0,), audio_std=(2.0,), audio_limit=1.5)
  expected = np.clip((rows["audio"] + 3) / 2, -1.5, 1.5)
  np.testing.assert_allclose(clip.plain(rows)["audio"], expected, atol=1e-6)
  assert (np.abs(expected) == 1.5).any()


def test_silence_stays_finite():
  rows = {**_rows(), "audio": np.full((6, 20, 7), -16.0, np.float32)}
  np.testing.assert_array_equal(Clip().plain(rows)["audio"], 0)


@pytest.mark.parametrize("size", [0, 7])
def test_the_example_has_the_shapes_of_a_view(size):
  clip = Clip(size=size)
  rows = jax.tree.map(lambda x: x[:1], _rows())
  made = jax.eval_shape(clip.view, rows, _keys(1))
  assert clip.example(_SHAPE) == made
  assert jax.eval_shape(clip.plain, rows) == made
  assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(made))


def test_a_window_larger_than_the_frames_is_refused():
  with pytest.raises(UserError, match=r"clip\.size is 10, but frames are 9 x"):
    Clip(size=10).example(_SHAPE)


def test_files_are_cut_on_the_host_and_equal_transforms_are_one():
  assert Clip().host_crop() is None
  assert Clip(window=9).host_crop().size == 9
  assert hash(Clip(size=7)) == hash(Clip(size=7))
  values = {"mean": [0.5], "std": [0.25], "flip_prob": 0.0}
  made = Clip.from_config(values, window=9)
  assert made == Clip(flip_prob=0.0, mean=(0.5,), std=(0.25,), window=9)
