"""Blur, solarize and equalize against scipy and Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage, stats

from suncet_jax.data.augment import blur, draw, planes, tone


def _draws(count):
  return draw.sample(jax.random.split(jax.random.key(3), count))


def _noise(count, h, w, channels=1):
  rng = np.random.default_rng(h + w)
  return rng.random((count, h, w, channels), np.float32)


def _blur(images, sigma, is_blurred, radius=8):
  """Blurs [b, h, w, 1] images; returns [b, h, w]."""
  sigma, is_blurred = jnp.array(sigma), jnp.array(is_blurred)
  compiled = jax.jit(blur.blur, static_argnums=3)
  return compiled(planes.split(jnp.asarray(images)), sigma, is_blurred, radius)[
    0
  ]


def _gaussian(image, sigma, radius=8):
  """Blurs with scipy; divides by the weight that is inside of the image."""

  def convolve(values):
    return ndimage.gaussian_filter(
      values, sigma, mode="constant", radius=radius
    )

  image = image.astype(float)
  return convolve(image) / convolve(np.ones_like(image))


# By shifts; by matrices, for wide kernels and for small images.
@pytest.mark.parametrize(("h", "w"), [(40, 36), (20, 40), (5, 9)])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_blur_is_a_truncated_gaussian_up_to_the_border(sigma, h, w):
  images = _noise(2, h, w)
  result = _blur(images, [sigma] * 2, [True] * 2)
  expected = [_gaussian(image[..., 0], sigma) for image in images]
  np.testing.assert_allclose(result, np.stack(expected), atol=2e-6)


def test_what_the_truncation_leaves_out_is_no_level_of_8_bits():
  images = _noise(1, 48, 48) > 0.5  # the sharpest edges that there are
  (result,) = jax.jit(blur.random_blur, static_argnums=(2, 3))(
    planes.split(jnp.asarray(images, jnp.float32)),
    jnp.array([[0.0, 1.0]]),
    1.0,
    (0.1, 2.0),
  )
  expected = _gaussian(images[0, ..., 0], 2.0, radius=40)
  assert np.abs(result[0] - expected).max() < 0.1 / 255


def test_shifts_and_matrices_agree():
  images = planes.split(jnp.asarray(_noise(5, 33, 40, channels=3)))
  sigma = jnp.array([0.1, 0.4, 1.0, 1.7, 2.0])
  shifts = jax.jit(blur._by_shifts, static_argnums=2)(images, sigma, 8)
  matrices = jax.jit(blur._by_matrices, static_argnums=2)(images, sigma, 8)
  for first, second in zip(shifts, matrices, strict=True):
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_blur_keeps_constant_images_at_the_border():
  for h, w in ((7, 9), (33, 40)):
    image = np.full((1, h, w, 1), 0.25, np.float32)
    np.testing.assert_allclose(_blur(image, [2.0], [True]), 0.25, rtol=1e-6)


@pytest.mark.parametrize("size", [16, 40])
def test_blur_has_a_width_per_image_and_leaves_others_alone(size):
  image = np.repeat(_noise(1, size, size), 3, axis=0)
  result = _blur(image, [0.5, 2.0, 2.0], [True, True, False])
  roughness = np.abs(np.diff(result, axis=2)).mean(axis=(1, 2))
  assert roughness[1] < 0.5 * roughness[0] < 0.5 * roughness[2]
  np.testing.assert_array_equal(result[2], image[2, ..., 0])


def test_widths_of_the_blur_are_uniform_in_their_range():
  # Of one bright pixel, the neighbours tell the width.
  point = jnp.zeros((1500, 1, 41)).at[:, 0, 20].set(1.0)
  (result,) = jax.jit(blur.random_blur, static_argnums=(2, 3))(
    (point,), _draws(1500).blur, 0.5, (0.1, 2.0)
  )
  result = np.asarray(result)[:, 0]
  is_blurred = result[:, 20] < 1
  ratio = result[is_blurred, 21] / result[is_blurred, 20]
  sigma = np.sqrt(-0.5 / np.log(np.maximum(ratio, 1e-30)))
  assert sigma.max() < 2.0
  # Narrower ones than 0.2 do not show: exp(-0.5 / 0.2**2) is 4e-6.
  sigma = sigma[sigma > 0.2]
  assert len(sigma) == pytest.approx(
    1500 * 0.5 * 1.8 / 1.9, abs=4 * np.sqrt(1500 / 4)
  )
  assert stats.kstest(sigma, "uniform", (0.2, 1.8)).pvalue > 0.01


def test_blur_concerns_the_wanted_fraction():
  images = planes.split(jnp.asarray(_noise(2000, 3, 3)))
  (result,) = blur.random_blur(images, _draws(2000).blur, 0.5, (0.5, 2.0))
  is_changed = np.any(result != images[0], axis=(1, 2))
  assert abs(is_changed.mean() - 0.5) < 4 * np.sqrt(0.25 / 2000)


@pytest.mark.parametrize("level", [0, 1, 100, 255])
def test_solarize_is_that_of_pillow(level):
  image = np.arange(256, dtype=np.uint8).reshape(16, 16)
  result = tone.solarize(
    jnp.asarray(image[None]) / jnp.float32(255), jnp.array([level / 255])
  )
  expected = ImageOps.solarize(Image.fromarray(image), level)
  np.testing.assert_allclose(result[0] * 255, np.asarray(expected), atol=1e-4)


def test_solarize_concerns_the_wanted_fraction_at_uniform_thresholds():
  ramp = jnp.linspace(0, 1, 101, dtype=jnp.float32)
  images = (jnp.tile(ramp, (2000, 1, 1)),)
  (result,) = tone.random_solarize(images, _draws(2000).solarize, 0.4)
  is_changed = np.any(result != images[0], axis=(1, 2))
  # A threshold in (0.99, 1) inverts the last pixel, so that each one shows.
  assert abs(is_changed.mean() - 0.4) < 4 * np.sqrt(0.24 / 2000)
  threshold = ramp[np.argmax((result != images[0])[:, 0], axis=1)][is_changed]
  assert abs(threshold.mean() - 0.5) < 4 / np.sqrt(12 * is_changed.sum()) + 0.01


def _equalize_cases():
  rng = np.random.default_rng(5)
  yield "noise", rng.integers(0, 256, (32, 32), np.uint8)
  yield "few levels", rng.integers(0, 3, (20, 20), np.uint8) * 100
  yield "dark", rng.integers(0, 40, (33, 17), np.uint8)
  yield "constant", np.full((30, 30), 77, np.uint8)
  yield "too few pixels", rng.integers(0, 256, (8, 8), np.uint8)
  overflow = np.zeros((1, 510), np.uint8)  # table reaches 509: clipped to 255
  overflow[0, -1] = 9
  yield "overflow", overflow


@pytest.mark.parametrize(
  "image", [pytest.param(image, id=name) for name, image in _equalize_cases()]
)
def test_equalize_is_exactly_that_of_pillow(image):
  result = jax.jit(tone.equalize)(jnp.asarray(image[None]) / jnp.float32(255))
  expected = np.asarray(ImageOps.equalize(Image.fromarray(image)))
  np.testing.assert_array_equal(np.round(result[0] * 255), expected)


def test_equalize_treats_channels_apart_and_the_wanted_fraction():
  rng = np.random.default_rng(6)
  images = rng.integers(0, 128, (200, 18, 18, 3), np.uint8)
  result = jax.jit(tone.random_equalize, static_argnums=2)(
    planes.split(jnp.asarray(images) / jnp.float32(255)),
    _draws(200).equalize,
    0.2,
  )
  result = np.round(np.asarray(planes.join(result)) * 255)
  is_changed = np.any(result != images, axis=(1, 2, 3))
  assert abs(is_changed.mean() - 0.2) < 4 * np.sqrt(0.16 / 200)
  for i in np.flatnonzero(is_changed)[:5]:
    expected = ImageOps.equalize(Image.fromarray(images[i]))
    np.testing.assert_array_equal(result[i], np.asarray(expected))
