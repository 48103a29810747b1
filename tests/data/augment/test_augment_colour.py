"""Colour operations against Pillow and colorsys, and their random order."""

import colorsys
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance
from scipy import stats

from suncet_jax.data.augment import Augmentation, blend, colour, draw, planes
from suncet_jax.data.augment.blend import Reference

_ENHANCERS = {
  Reference.BLACK: ImageEnhance.Brightness,
  Reference.MEAN: ImageEnhance.Contrast,
  Reference.GREY: ImageEnhance.Color,
  Reference.SMOOTH: ImageEnhance.Sharpness,
}


def _images(count=4, size=6, channels=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (count, size, size, channels), np.uint8)


def _planes(images):
  return planes.split(jnp.asarray(images, jnp.float32) / 255)


def _unit(count):
  """Returns the uniform draws of the jitter."""
  return draw.sample(jax.random.split(jax.random.key(0), count)).jitter


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 1.7])
@pytest.mark.parametrize("reference", list(Reference))
def test_blends_are_those_of_pillow(reference, factor):
  images = _images()
  count = len(images)
  result = blend.blend(
    _planes(images),
    jnp.full(count, factor, jnp.float32),
    jnp.full(count, reference, jnp.int32),
  )
  expected = [
    np.asarray(_ENHANCERS[reference](Image.fromarray(image)).enhance(factor))
    for image in images
  ]
  # Pillow rounds the grey and the result to 8 bits, each by up to 1/2.
  tolerance = 0.5 + 0.5 * abs(1 - factor) + 0.6
  np.testing.assert_allclose(
    np.asarray(planes.join(result)) * 255, expected, atol=tolerance
  )


def test_factor_one_changes_nothing_to_the_last_bit():
  images = _planes(_images())
  for reference in Reference:
    result = blend.blend(images, jnp.ones(4), jnp.full(4, reference, jnp.int32))
    np.testing.assert_array_equal(planes.join(result), planes.join(images))


@pytest.mark.parametrize("shift", [-0.5, -0.17, 0.2, 0.45])
def test_hue_is_that_of_colorsys(shift):
  images = _images(2)
  images[0, 0, :3] = [[0, 0, 0], [255, 255, 255], [90, 90, 90]]
  result = blend.shift_hue(_planes(images), jnp.full(2, shift))
  expected = np.zeros(images.shape)
  for index in np.ndindex(images.shape[:3]):
    h, s, v = colorsys.rgb_to_hsv(*(images[index] / 255))
    expected[index] = colorsys.hsv_to_rgb((h + shift) % 1.0, s, v)
  np.testing.assert_allclose(planes.join(result), expected, atol=2e-6)


def _turn_hue(image, shift):
  """Turns the hue of a [..., 3] float image, as torchvision does for tensors.

  To HSV after Foley and van Dam, and back by its table of six sectors.
  """
  r, g, b = np.moveaxis(image.astype(float), -1, 0)
  value, low = image.max(-1).astype(float), image.min(-1)
  chroma = value - low
  divisor = np.where(chroma == 0, 1, chroma)
  rc, gc, bc = ((value - x) / divisor for x in (r, g, b))
  hue = np.select([value == r, value == g], [bc - gc, 2 + rc - bc], 4 + gc - rc)
  hue = (np.where(chroma == 0, 0, hue) / 6 + shift) % 1
  saturation = chroma / np.where(value == 0, 1, value)
  sector = np.floor(hue * 6)
  f = hue * 6 - sector
  p = value * (1 - saturation)
  q = value * (1 - saturation * f)
  t = value * (1 - saturation * (1 - f))
  table = [
    *((value, t, p), (q, value, p), (p, value, t)),
    *((p, q, value), (t, p, value), (value, p, q)),
  ]
  chosen = [sector % 6 == i for i in range(6)]
  return np.stack(
    [np.select(chosen, [row[c] for row in table]) for c in range(3)], axis=-1
  )


@pytest.mark.parametrize("levels", [-127, -40, 1, 51, 127])
def test_hue_is_that_of_8_bits(levels):
  images = _images(6, size=16)
  shift = levels / 255
  result = blend.shift_hue(_planes(images), jnp.full(6, shift, jnp.float32))
  result = np.asarray(planes.join(result)) * 255
  # Of [0, 1] tensors, torchvision rounds the result only.
  expected = np.round(_turn_hue(images / 255, shift) * 255)
  np.testing.assert_allclose(result, expected, atol=2)
  # Of PIL images it adds to Pillow's 8-bit hue, of which 255 are a turn. That
  # cuts the hue to 1 / 255, 6 levels of a channel, misses as much again where
  # the sum wraps around at 256, and cuts the saturation as well.
  h, s, v = Image.fromarray(np.vstack(images)).convert("HSV").split()
  turned = (np.asarray(h).astype(int) + levels) % 256
  turned = Image.merge("HSV", (Image.fromarray(turned.astype(np.uint8)), s, v))
  difference = np.abs(np.vstack(result) - np.asarray(turned.convert("RGB")))
  assert difference.max() <= 6 + 6 + 2
  assert difference.mean() < 2


def test_grayscale_is_that_of_8_bits():
  images = _images(8, size=16)
  result = colour.random_grayscale(_planes(images), _unit(8)[:, :1], 1.0)
  for i, image in enumerate(images):
    expected = np.asarray(Image.fromarray(image).convert("L"))
    for plane in result:
      np.testing.assert_allclose(plane[i] * 255, expected, atol=1)


def test_operations_in_a_row_are_those_of_8_bits():
  images = _images(6, size=16)
  order = [(Reference.BLACK, 0.8), (Reference.GREY, 1.3), (Reference.MEAN, 1.2)]
  expected = np.round(_turn_hue(images / 255, 0.1) * 255).astype(np.uint8)
  # What 8 bits have lost so far, in levels: 1/2 by the hue. A blend multiplies
  # it in the image by f, in a grey by |1 - f|, and rounds both.
  error = 0.5
  for reference, factor in order:
    share = 0.0 if reference == Reference.BLACK else abs(1 - factor)
    error = factor * error + share * (error + 0.5) + 1.1
    expected = [
      np.asarray(_ENHANCERS[reference](Image.fromarray(image)).enhance(factor))
      for image in expected
    ]

  def apply(order):
    references, factors = zip(*order, strict=True)
    result = blend.blend_in_order(
      blend.shift_hue(_planes(images), jnp.full(6, 0.1)),
      jnp.tile(jnp.array(factors, jnp.float32), (6, 1)),
      jnp.tile(jnp.array(references, jnp.int32), (6, 1)),
      tuple(Reference),
    )
    return np.abs(np.asarray(planes.join(result)) * 255 - np.stack(expected))

  assert apply(order).max() < error < 7
  assert apply(order).mean() < 1.5
  # Another order is something else.
  assert apply([order[2], *order[:2]]).max() > 2 * error


def test_hue_of_zero_changes_nothing_to_the_last_bit():
  images = _planes(_images())
  result = blend.shift_hue(images, jnp.zeros(4))
  np.testing.assert_array_equal(planes.join(result), planes.join(images))


def test_jitter_applies_the_drawn_operations_in_the_drawn_order():
  config = Augmentation(6, None, jitter_prob=0.8)
  images, unit = _images(12), _unit(12)
  strengths = colour.blend_strengths(config, has_colour=True)
  jitter = colour.sample_jitter(unit, config, strengths)
  result = planes.join(colour.random_jitter(_planes(images), unit, config))
  shift_hue, blend_once = jax.jit(blend.shift_hue), jax.jit(blend.blend)
  for i in range(len(images)):
    image = _planes(images[i : i + 1])
    for slot in range(4):
      if slot == jitter.hue_place[i]:
        image = shift_hue(image, jitter.hue_shift[i, None])
      if slot < 3:
        image = blend_once(
          image, jitter.factor[i, slot, None], jitter.reference[i, slot, None]
        )
    np.testing.assert_allclose(result[i], planes.join(image)[0], atol=1e-5)


def test_every_order_of_the_four_operations_is_equally_likely():
  config = Augmentation(6, None, jitter_prob=1.0)
  strengths = colour.blend_strengths(config, has_colour=True)
  jitter = colour.sample_jitter(_unit(4800), config, strengths)
  orders = [
    (*reference[:place], "hue", *reference[place:])
    for reference, place in zip(
      np.asarray(jitter.reference).tolist(),
      np.asarray(jitter.hue_place).tolist(),
      strict=True,
    )
  ]
  counts = [
    orders.count(order) for order in itertools.permutations([0, 1, 2, "hue"])
  ]
  assert sum(counts) == 4800
  deviation = np.sqrt(4800 * (1 / 24) * (23 / 24))
  np.testing.assert_allclose(counts, 200, atol=4.5 * deviation)


def test_factors_and_shifts_fill_their_ranges():
  config = Augmentation(
    6, None, jitter_prob=1.0, brightness=0.3, contrast=1.5, saturation=0.6
  )
  strengths = colour.blend_strengths(config, has_colour=True)
  jitter = colour.sample_jitter(_unit(3000), config, strengths)
  for reference, (low, high) in {
    Reference.BLACK: (0.7, 1.3),
    Reference.MEAN: (0.0, 2.5),
    Reference.GREY: (0.4, 1.6),
  }.items():
    factors = jitter.factor[jitter.reference == reference]
    width = high - low
    assert len(factors) == 3000
    assert low <= factors.min() < low + 0.01 * width
    assert high - 0.01 * width < factors.max() <= high
  assert -0.2 <= jitter.hue_shift.min() < -0.19
  assert 0.19 < jitter.hue_shift.max() <= 0.2


def test_factors_and_shifts_are_uniform_and_independent_of_the_order():
  config = Augmentation(6, None, jitter_prob=1.0)
  strengths = colour.blend_strengths(config, has_colour=True)
  jitter = colour.sample_jitter(_unit(2000), config, strengths)
  for reference in strengths:
    factors = np.asarray(jitter.factor)[jitter.reference == reference]
    assert stats.kstest(factors, "uniform", (0.2, 1.6)).pvalue > 0.01
  shifts = np.asarray(jitter.hue_shift)
  assert stats.kstest(shifts, "uniform", (-0.2, 0.4)).pvalue > 0.01
  # The factor that is applied first, whatever it is of, and the last.
  for slot in (0, 2):
    factors = np.asarray(jitter.factor)[:, slot]
    assert stats.kstest(factors, "uniform", (0.2, 1.6)).pvalue > 0.01
  place = np.asarray(jitter.hue_place)
  assert abs(stats.pearsonr(shifts, place).statistic) < 4 / np.sqrt(2000)


def test_jitter_concerns_the_wanted_fraction_of_images():
  config = Augmentation(2, None, jitter_prob=0.3)
  images = _planes(_images(2000, size=2))
  result = jax.jit(colour.random_jitter, static_argnums=2)(
    images, _unit(2000), config
  )
  is_changed = np.any(
    planes.join(result) != planes.join(images), axis=(1, 2, 3)
  )
  assert abs(is_changed.mean() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)


def test_grayscale_sets_the_wanted_fraction_to_the_luma():
  images = _images(2000, size=2)
  result = colour.random_grayscale(_planes(images), _unit(2000)[:, :1], 0.2)
  result = np.asarray(planes.join(result))
  is_grey = np.ptp(result, axis=3).max(axis=(1, 2)) == 0
  assert abs(is_grey.mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / 2000)
  luma = images[is_grey] @ np.array([0.299, 0.587, 0.114]) / 255
  np.testing.assert_allclose(result[is_grey][..., 0], luma, atol=1e-6)
  np.testing.assert_allclose(
    result[~is_grey], images[~is_grey] / 255, atol=1e-6
  )


def test_one_channel_has_brightness_and_contrast_only():
  config = Augmentation(6, None, jitter_prob=1.0)
  strengths = colour.blend_strengths(config, has_colour=False)
  assert list(strengths) == [Reference.BLACK, Reference.MEAN]
  images, unit = _images(12, channels=1), _unit(12)
  jitter = colour.sample_jitter(unit, config, strengths)
  assert set(np.asarray(jitter.reference[:, 0]).tolist()) == {0, 1}
  (result,) = colour.random_jitter(_planes(images), unit, config)
  for i, image in enumerate(images[..., 0] / 255):
    for factor, reference in zip(
      jitter.factor[i], jitter.reference[i], strict=True
    ):
      base = image.mean() if reference == Reference.MEAN else 0.0
      image = np.clip(factor * image + (1 - factor) * base, 0, 1)
    np.testing.assert_allclose(result[i], image, atol=1e-5)


def test_strength_zero_leaves_an_operation_out():
  config = Augmentation(6, None, contrast=0.0, saturation=0.0)
  strengths = colour.blend_strengths(config, has_colour=True)
  assert list(strengths) == [Reference.BLACK]


def test_only_the_hue_can_be_left():
  config = Augmentation(
    6, None, jitter_prob=1.0, brightness=0, contrast=0, saturation=0
  )
  images, unit = _planes(_images()), _unit(4)
  shift = colour.sample_jitter(unit, config, {}).hue_shift
  result = colour.random_jitter(images, unit, config)
  np.testing.assert_array_equal(
    planes.join(result), planes.join(blend.shift_hue(images, shift))
  )
