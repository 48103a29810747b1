"""Crops: their parameters, and their pixels against Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from suncet_jax.data.augment import draw, geometry, planes


def _sample(count, image_size, scale, ratio=(3 / 4, 4 / 3)):
  keys = jax.random.split(jax.random.key(1), count)
  boxes = jax.jit(geometry.sample_boxes, static_argnums=(1, 2, 3))(
    draw.sample(keys).crop, image_size, scale, ratio
  )
  return [np.asarray(field) for field in boxes]


def _resize(image, box, size):
  """Crops and resizes one [h, w, c] uint8 image; returns 0 to 255."""
  images = jnp.asarray(image[None], jnp.float32) / 255
  boxes = geometry.Boxes(*(jnp.array([value], jnp.float32) for value in box))
  crop_and_resize = jax.jit(geometry.crop_and_resize, static_argnums=2)
  result = crop_and_resize(planes.split(images), boxes, size)
  return np.asarray(planes.join(result))[0] * 255


def _resize_pillow(image, box, size):
  """Does the same with Pillow; bands of mode "F" are free of its rounding."""
  top, left, height, width = box
  bands = [
    Image.fromarray(image[..., i].astype(np.float32))
    .crop((left, top, left + width, top + height))
    .resize((size, size), Image.Resampling.BILINEAR)
    for i in range(image.shape[-1])
  ]
  return np.stack([np.asarray(band) for band in bands], axis=-1)


@pytest.mark.parametrize(
  ("image_size", "box", "size"),
  [
    ((8, 8), (2, 1, 3, 6), 8),
    ((28, 28), (3, 0, 25, 28), 24),
    ((50, 70), (7, 11, 40, 53), 16),
    ((9, 9), (4, 4, 1, 1), 5),
  ],
)
def test_crop_and_resize_is_that_of_pillow(image_size, box, size):
  rng = np.random.default_rng(0)
  image = rng.integers(0, 256, (*image_size, 3), np.uint8)
  np.testing.assert_allclose(
    _resize(image, box, size), _resize_pillow(image, box, size), atol=2e-3
  )


def test_crop_and_resize_is_that_of_pillow_on_8_bits():
  image = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)
  cropped = Image.fromarray(image).crop((4, 3, 4 + 20, 3 + 30))
  expected = cropped.resize((12, 12), Image.Resampling.BILINEAR)
  # Pillow rounds after each of its two passes.
  np.testing.assert_allclose(
    _resize(image, (3, 4, 30, 20), 12), np.asarray(expected), atol=1.01
  )


@settings(max_examples=5, deadline=None)
@given(
  st.tuples(st.integers(1, 12), st.integers(1, 12)),
  st.sampled_from([1, 5, 8]),
  st.sampled_from([1, 3]),
  st.data(),
)
def test_any_box_of_any_shape_is_that_of_pillow(image_size, size, c, data):
  h, w = image_size
  height = data.draw(st.integers(1, h))
  width = data.draw(st.integers(1, w))
  top = data.draw(st.integers(0, h - height))
  left = data.draw(st.integers(0, w - width))
  image = np.random.default_rng(h * w).integers(0, 256, (h, w, c), np.uint8)
  box = (top, left, height, width)
  np.testing.assert_allclose(
    _resize(image, box, size), _resize_pillow(image, box, size), atol=2e-3
  )


def test_pixels_outside_of_the_box_have_no_influence():
  image = np.zeros((10, 10, 1), np.uint8)
  image[2:5, 3:7] = 100
  np.testing.assert_allclose(_resize(image, (2, 3, 3, 4), 8), 100, rtol=1e-5)


def test_sampled_boxes_are_whole_pixels_inside_with_the_area_and_ratio():
  top, left, height, width = _sample(4000, (100, 120), (0.2, 0.6))
  for values in (top, left, height, width):
    np.testing.assert_array_equal(values, np.round(values))
  assert top.min() >= 0
  assert left.min() >= 0
  assert (top + height).max() <= 100
  assert (left + width).max() <= 120
  area = height * width / (100 * 120)
  ratio = width / height
  # Rounding each side by half a pixel moves both by up to about 2 %.
  assert 0.195 < area.min() < 0.21
  assert 0.57 < area.max() < 0.61
  assert 0.73 < ratio.min() < 0.77
  assert 1.3 < ratio.max() < 1.37
  # Area uniform: mean 0.4, deviation of the mean 0.4 / sqrt(12 * 4000).
  assert abs(area.mean() - 0.4) < 4 * 0.4 / np.sqrt(12 * 4000) + 0.002
  assert abs(np.log(ratio).mean()) < 0.02


def test_area_and_logarithm_of_the_ratio_are_uniform_where_every_box_fits():
  # Large, so that whole pixels do not show.
  _, _, height, width = _sample(3000, (4000, 4000), (0.1, 0.7))
  area = height * width / 4000**2
  assert stats.kstest(area, "uniform", (0.1, 0.6)).pvalue > 0.01
  log_ratio = np.log(width / height)
  low, high = np.log(3 / 4), np.log(4 / 3)
  assert stats.kstest(log_ratio, "uniform", (low, high - low)).pvalue > 0.01
  assert abs(stats.pearsonr(area, log_ratio).statistic) < 4 / np.sqrt(3000)


def test_boxes_are_placed_uniformly_up_to_the_last_place():
  top, left, height, width = _sample(4000, (10, 10), (0.25, 0.25), (1.0, 1.0))
  np.testing.assert_array_equal(height, 5)
  np.testing.assert_array_equal(width, 5)
  for place in (top, left):
    counts = np.bincount(place.astype(int), minlength=6)
    deviation = np.sqrt(4000 * (1 / 6) * (5 / 6))
    np.testing.assert_allclose(counts, 4000 / 6, atol=4 * deviation)


@pytest.mark.parametrize(
  ("image_size", "expected"),
  [
    ((10, 100), (0, 43, 10, 13)),  # too wide: ratio 4 / 3
    ((100, 12), (42, 0, 16, 12)),  # too tall: ratio 3 / 4
  ],
)
def test_centre_is_taken_where_no_try_fits(image_size, expected):
  boxes = np.stack(_sample(5, image_size, (1.0, 1.0)), axis=1)
  np.testing.assert_array_equal(boxes, np.tile(expected, (5, 1)))


def test_whole_image_is_taken_where_no_try_fits_and_its_ratio_is_permitted():
  # Area 1 fits only for the ratio 1 exactly, so most tries of most images fail.
  top, left, height, width = _sample(50, (64, 64), (1.0, 1.0), (0.5, 0.9))
  np.testing.assert_array_equal(height, 64)
  np.testing.assert_array_equal(width, round(64 * 0.9))
  np.testing.assert_array_equal(top, 0)
  np.testing.assert_array_equal(left, (64 - round(64 * 0.9)) // 2)
