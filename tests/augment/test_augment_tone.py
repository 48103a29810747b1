"""Blur, solarize and equalize against scipy and Pillow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import ndimage

from suncet_jax.data.augment import blur, draw, planes, tone


def _draws(count):
  return draw.sample(jax.random.split(jax.random.key(3), count))


def _noise(count, h, w, channels=1):
  rng = np.random.default_rng(h + w)
  return rng.random((count, h, w, channels), np.float32)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.0])
def test_blur_is_gaussian_in_the_interior(sigma):
  images = _noise(2, 40, 36)
  (result,) = jax.jit(blur.blur)(
    planes.split(jnp.asarray(images)), jnp.full(2, sigma), jnp.full(2, True)
  )
  expected = [
    ndimage.gaussian_filter(image[..., 0].astype(float), sigma, truncate=8)
    for image in images
  ]
  inside = (slice(None), slice(13, -13), slice(13, -13))
  np.testing.assert_allclose(
    result[inside], np.stack(expected)[inside], atol=1e-5
  )


def test_blur_keeps_constant_images_at_the_border():
  image = (jnp.full((1, 7, 9), 0.25),)
  (result,) = jax.jit(blur.blur)(image, jnp.array([2.0]), jnp.array([True]))
  np.testing.assert_allclose(result, 0.25, rtol=1e-6)


def test_blur_has_a_width_per_image_and_leaves_others_alone():
  image = jnp.asarray(np.repeat(_noise(1, 16, 16), 3, axis=0))
  sigma, is_blurred = jnp.array([0.5, 2.0, 2.0]), jnp.array([True, True, False])
  (result,) = jax.jit(blur.blur)(planes.split(image), sigma, is_blurred)
  roughness = np.abs(np.diff(result, axis=2)).mean(axis=(1, 2))
  assert roughness[1] < 0.5 * roughness[0] < 0.5 * roughness[2]
  np.testing.assert_array_equal(result[2], image[2, ..., 0])


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
