"""The resize on the host against Pillow, and its own fallback."""

import concurrent.futures

import numpy as np
import PIL
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from suncet_jax import doctor
from suncet_jax.data.images import resample
from suncet_jax.data.images.resample import crop_and_resize

_PILLOW_VERSION = int(PIL.__version__.split(".")[0])


@pytest.fixture
def without_native(monkeypatch):
  monkeypatch.setattr(resample, "_native", lambda: (None, "not built"))


def _noise(height, width, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (height, width, 3), np.uint8)


def _crop(pixels, box):
  left, top, width, height = box
  return Image.fromarray(pixels).crop((left, top, left + width, top + height))


def _by_pillow(pixels, box, size):
  """Resizes the columns, then the rows: Pillow's order up to version 12."""
  columns = _crop(pixels, box).resize(
    (size[1], box[3]), Image.Resampling.BILINEAR
  )
  return np.asarray(columns.resize(size[::-1], Image.Resampling.BILINEAR))


@st.composite
def _cases(draw, most):
  """Draws pixels, a box and a size, each of up to `most` pixels per axis."""
  extent = st.integers(1, most)
  height, width = draw(extent), draw(extent)
  box_height = draw(st.integers(1, height))
  box_width = draw(st.integers(1, width))
  top = draw(st.integers(0, height - box_height))
  left = draw(st.integers(0, width - box_width))
  kind = draw(st.sampled_from(["noise", "extremes", "white"]))
  pixels = _noise(height, width, seed=most * height + width)
  if kind == "extremes":
    pixels = np.where(pixels < 128, 0, 255).astype(np.uint8)
  elif kind == "white":
    pixels[...] = 255
  return (
    pixels,
    (left, top, box_width, box_height),
    (draw(extent), draw(extent)),
  )


def _is_native_expected():
  """Where the compiler that built the convolutions must build this, too."""
  return resample.importlib.util.find_spec("suncet_jax._onednn") is not None


@pytest.mark.skipif(not _is_native_expected(), reason="no compiler")
def test_the_native_part_is_in_use():
  assert resample.in_use()[0] == "native"


@settings(max_examples=150, deadline=None)
@given(_cases(12))
def test_small_images_are_those_of_pillow(case):
  np.testing.assert_array_equal(crop_and_resize(*case), _by_pillow(*case))


@settings(max_examples=60, deadline=None)
@given(_cases(150))
def test_large_images_are_those_of_pillow(case):
  np.testing.assert_array_equal(crop_and_resize(*case), _by_pillow(*case))


@settings(max_examples=60, deadline=None)
@given(_cases(60))
def test_one_call_of_pillow_gives_the_same(case):
  pixels, box, size = case
  once = np.asarray(
    _crop(pixels, box).resize(size[::-1], Image.Resampling.BILINEAR)
  )
  if _PILLOW_VERSION < 13 or size[0] >= box[3]:
    np.testing.assert_array_equal(crop_and_resize(*case), once)
  else:
    # Pillow may have begun with the rows: rounded in another place.
    difference = crop_and_resize(*case).astype(int) - once
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
  ("image", "box", "size"),
  [
    ((400, 500), (30, 20, 350, 350), (224, 224)),  # a crop of a photograph
    ((400, 500), (150, 380, 350, 20), (224, 224)),  # down to the last byte
    ((500, 400), (0, 0, 400, 500), (500, 400)),  # a copy
    ((300, 300), (1, 2, 200, 290), (290, 64)),  # columns only
    ((300, 300), (1, 2, 200, 290), (64, 200)),  # rows only
    ((1200, 7), (0, 0, 7, 1200), (3, 9)),  # 800 rows for one
    ((7, 1200), (0, 0, 1200, 7), (9, 3)),
    ((1, 1), (0, 0, 1, 1), (33, 47)),
    ((33, 47), (5, 4, 17, 18), (1, 1)),
  ],
)
def test_chosen_sizes_are_those_of_pillow(image, box, size):
  pixels = _noise(*image)
  np.testing.assert_array_equal(
    crop_and_resize(pixels, box, size), _by_pillow(pixels, box, size)
  )


@settings(max_examples=25, deadline=None)
@given(_cases(40))
def test_the_fallback_gives_the_same(case):
  native = crop_and_resize(*case)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(resample, "_native", lambda: (None, "not built"))
    np.testing.assert_array_equal(crop_and_resize(*case), native)


def test_the_result_is_written_to_out_and_nowhere_else():
  pixels, box, size = _noise(40, 50), (3, 5, 30, 33), (21, 17)
  # Lines before and after what belongs to the result.
  memory = np.full((23, 17, 3), 99, np.uint8)
  before = pixels.copy()
  result = crop_and_resize(pixels, box, size, out=memory[1:-1])
  assert result.base is memory
  np.testing.assert_array_equal(result, _by_pillow(pixels, box, size))
  np.testing.assert_array_equal(memory[[0, -1]], 99)
  np.testing.assert_array_equal(pixels, before)


def test_the_fallback_writes_to_out(without_native):
  pixels, out = _noise(10, 9), np.zeros((4, 5, 3), np.uint8)
  assert crop_and_resize(pixels, (0, 0, 9, 10), (4, 5), out) is out
  expected = _by_pillow(pixels, (0, 0, 9, 10), (4, 5))
  np.testing.assert_array_equal(out, expected)


def test_threads_do_not_disturb_each_other():
  cases = [
    (_noise(60 + i, 90 - i, seed=i), (i, 2, 50, 40 + i), (20 + i, 64 - i))
    for i in range(16)
  ]
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    results = list(pool.map(lambda case: crop_and_resize(*case), cases * 4))
  for case, result in zip(cases * 4, results, strict=True):
    np.testing.assert_array_equal(result, _by_pillow(*case))


def test_numpy_integers_and_read_only_pixels_will_do():
  pixels = _noise(9, 8)
  pixels.flags.writeable = False
  box, size = np.array([1, 2, 5, 4]), np.array([6, 7])
  np.testing.assert_array_equal(
    crop_and_resize(pixels, tuple(box), tuple(size)),
    _by_pillow(pixels, (1, 2, 5, 4), (6, 7)),
  )


@pytest.mark.parametrize(
  ("pixels", "message"),
  [
    (np.zeros((4, 5, 3), np.float32), "must be uint8, got float32"),
    (np.zeros((4, 5), np.uint8), r"\[h, w, 3\], got shape \(4, 5\)"),
    (np.zeros((4, 5, 4), np.uint8), r"got shape \(4, 5, 4\)"),
    (np.zeros((4, 10, 3), np.uint8)[:, ::2], "C-contiguous"),
  ],
)
def test_wrong_pixels_are_named(pixels, message):
  with pytest.raises(ValueError, match=message):
    crop_and_resize(pixels, (0, 0, 1, 1), (2, 2))


@pytest.mark.parametrize(
  "box",
  [(-1, 0, 2, 2), (0, -1, 2, 2), (4, 0, 2, 2), (0, 3, 2, 2), (0, 0, 0, 2)],
)
def test_wrong_boxes_are_named(box):
  with pytest.raises(ValueError, match=r"inside an image of height 4 and wid"):
    crop_and_resize(_noise(4, 5), box, (2, 2))


def test_a_size_without_pixels_is_named():
  with pytest.raises(ValueError, match=r"at least 1 x 1, got \(0, 2\)"):
    crop_and_resize(_noise(4, 5), (0, 0, 2, 2), (0, 2))


def test_wrong_places_for_the_result_are_named():
  pixels, box, size = _noise(4, 5), (0, 0, 2, 2), (2, 2)
  read_only = np.zeros((2, 2, 3), np.uint8)
  read_only.flags.writeable = False
  for out, message in (
    (np.zeros((2, 3, 3), np.uint8), r"shape \(2, 2, 3\), got uint8 \(2, 3"),
    (np.zeros((2, 2, 3)), "got float64"),
    (np.zeros((2, 4, 3), np.uint8)[:, ::2], "C-contiguous and writeable"),
    (read_only, "C-contiguous and writeable"),
    (pixels.reshape(-1)[:12].reshape(2, 2, 3), "must not overlap"),
  ):
    with pytest.raises(ValueError, match=message):
      crop_and_resize(pixels, box, size, out=out)


def test_the_doctor_says_what_resizes(without_native, capsys):
  doctor.main()
  assert "resize       Pillow (not built)" in capsys.readouterr().out


def test_a_missing_part_is_said_with_what_to_do(monkeypatch):
  monkeypatch.setattr(resample.importlib.util, "find_spec", lambda name: None)
  library, reason = resample._native.__wrapped__()
  assert library is None
  assert "install a C++ compiler" in reason


def test_a_broken_part_is_said(monkeypatch):
  spec = type("Spec", (), {"origin": __file__})
  monkeypatch.setattr(resample.importlib.util, "find_spec", lambda name: spec)
  library, reason = resample._native.__wrapped__()
  assert library is None
  assert "does not load" in reason
