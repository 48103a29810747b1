"""Clips made in code: what is true of them is what is seen and heard."""

import numpy as np
import pytest

from suncet_jax.config import base
from suncet_jax.data.clips.arrays import ClipArrays
from suncet_jax.data.clips.made import Size
from suncet_jax.data.clips.mouths import VISEMES, WORDS, mouths
from suncet_jax.data.clips.shapes import KINDS, shapes
from suncet_jax.data.load import load
from suncet_jax.errors import UserError

_SIZE = Size(frames=12, side=32, channels=3, columns=4, bands=40)
_GREY = _SIZE._replace(channels=1)
_COUNT = 24


@pytest.fixture(scope="module")
def sounding():
  return shapes(_COUNT, _SIZE, 3)


@pytest.fixture(scope="module")
def speaking():
  return mouths(60, _GREY, 3)


def _loudness(clips):
  """Returns the energy of each frame's columns, [n, t]."""
  energy = np.exp(clips.audio).max(axis=2)
  return energy.reshape(*clips.video.shape[:2], -1).mean(axis=2)


def test_rows_have_the_promised_shapes(sounding, speaking):
  assert sounding.row_shape == {"video": (12, 32, 32, 3), "audio": (48, 40)}
  assert speaking.row_shape == {"video": (12, 32, 32, 1), "audio": (48, 40)}
  for clips in (sounding, speaking):
    assert clips.video.dtype == np.uint8
    assert clips.audio.dtype == np.float32
    assert clips.labels.dtype == np.int32
  assert set(sounding.labels) == set(range(len(KINDS)))
  assert set(speaking.labels) == set(range(len(WORDS)))


def test_the_sound_follows_the_light_in_its_region_and_nowhere_else(sounding):
  region = sounding.truth["region"]
  assert region.shape == sounding.video.shape[:-1]
  light = sounding.video.mean(axis=-1)
  inside = (light * region).sum(axis=(2, 3)) / region.sum(axis=(2, 3))
  loudness = _loudness(sounding)
  np.testing.assert_allclose(
    np.corrcoef(sounding.truth["loudness"].ravel(), loudness.ravel())[0, 1],
    1,
    atol=0.05,
  )
  others = np.where(region, 0, light).max(axis=(2, 3))
  for clip in range(_COUNT):
    assert np.corrcoef(inside[clip], loudness[clip])[0, 1] > 0.9
    assert abs(np.corrcoef(others[clip], loudness[clip])[0, 1]) < 0.85


def test_each_kind_of_shape_has_its_pitch(sounding):
  loudest = np.exp(sounding.audio).mean(axis=1).argmax(axis=1)
  expected = (sounding.labels + 0.5) / len(KINDS) * _SIZE.bands
  assert np.abs(loudest - expected).max() <= 1


def test_shapes_stay_in_the_frame_and_apart(sounding):
  region = sounding.truth["region"]
  assert region.sum(axis=(2, 3)).min() > 15  # pixels
  other = (sounding.video.mean(axis=-1) > 255 * 0.25) & ~region
  assert not (other & region).any()


def test_a_word_is_three_visemes_and_formants_follow_the_mouth(speaking):
  opening, width = speaking.truth["opening"], speaking.truth["width"]
  for word, o, w in zip(speaking.labels, opening, width, strict=True):
    for place, viseme in zip((0, 5, 11), WORDS[word], strict=True):
      expected = VISEMES[viseme]
      assert np.hypot(o[place] - expected[0], w[place] - expected[1]) < 0.35
  is_open = opening > 0.3
  columns = np.exp(speaking.audio).reshape(*opening.shape, 4, 40)[..., 2, :]
  first = columns[..., :18].argmax(axis=-1)[is_open]
  # Where a mouth is wide open, the first one reaches into the second's bands.
  is_half = is_open & (opening < 0.7)
  second = 18 + columns[..., 18:].argmax(axis=-1)[is_half]
  assert np.corrcoef(first, opening[is_open])[0, 1] > 0.85
  assert np.corrcoef(second, width[is_half])[0, 1] > 0.85
  closed = opening < 0.02
  assert closed.any()
  assert _loudness(speaking)[closed].max() < 0.2


def test_a_mouth_opens_as_it_should(speaking):
  dark = (speaking.video[..., 0] < 60).sum(axis=(2, 3))
  opening = speaking.truth["opening"]
  rho = [
    np.corrcoef(d, o)[0, 1]
    for d, o in zip(dark, opening, strict=True)
    if np.ptp(o) > 0.3
  ]
  assert np.median(rho) > 0.8


@pytest.mark.parametrize("make", [shapes, mouths])
def test_a_clip_depends_on_its_seed_and_number_alone(make):
  few, many, other = make(3, _GREY, 5), make(8, _GREY, 5), make(3, _GREY, 6)
  np.testing.assert_array_equal(few.video, many.video[:3])
  np.testing.assert_array_equal(few.audio, many.audio[:3])
  np.testing.assert_array_equal(few.labels, many.labels[:3])
  for name, rows in few.truth.items():
    np.testing.assert_array_equal(rows, many.truth[name][:3])
  assert (few.video != other.video).any(axis=(1, 2, 3, 4)).all()


@pytest.mark.parametrize("kind", ["shapes", "mouths"])
def test_a_configuration_makes_them(kind):
  config = base("simclr")
  config.data.source = "clips"
  sizes = {"count": 5, "test_count": 4, "size": 32, "bands": 24, "frames": 8}
  config.data.clips.update({"synthetic": kind, **sizes})
  dataset = load(config)
  assert dataset.train.video.shape == (5, 8, 32, 32, 3)
  assert dataset.test.audio.shape == (4, 32, 24)
  assert (dataset.train.video[:4] != dataset.test.video).any()
  assert dataset.class_names == (KINDS if kind == "shapes" else WORDS)


@pytest.mark.parametrize(
  ("video", "audio", "fault"),
  [
    ((2, 4, 8, 8), (2, 8, 5), "video must be uint8"),
    ((2, 4, 8, 8, 1), (3, 8, 5), "audio must be"),
    ((2, 4, 8, 8, 1), (2, 9, 5), "audio must be"),
  ],
)
def test_arrays_that_do_not_fit_are_refused(video, audio, fault):
  with pytest.raises(UserError, match=fault):
    ClipArrays(
      np.zeros(video, np.uint8), np.zeros(audio, np.float32), np.zeros(2, int)
    )
