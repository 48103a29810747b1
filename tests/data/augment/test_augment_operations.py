"""RandAugment's operations against Pillow, pad-crop and cutout."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_image

from suncet_jax.data.augment import (
  Augmentation,
  augment,
  draw,
  operations,
  planes,
  tone,
)
from suncet_jax.data.augment.operations import Operation

_LEVELS = range(1, 11)
_SIZE = 32


@functools.cache
def _photographs(channels):
  """Parts of photographs, uint8 [b, 32, 32, c]."""
  parts = []
  for name in ("china.jpg", "flower.jpg"):
    image = Image.fromarray(load_sample_image(name)).resize((160, 96))
    image = image if channels == 3 else image.convert("L")
    pixels = np.asarray(image).reshape(96, 160, channels)
    parts += [
      pixels[top : top + _SIZE, left : left + _SIZE]
      for top in (0, 32, 64)
      for left in (0, 64, 128)
    ]
  flat = np.full((_SIZE, _SIZE, channels), 77, np.uint8)
  return np.stack([*parts, flat])


def _affine(image, *matrix):
  return image.transform(image.size, Image.Transform.AFFINE, matrix)


def _by_pillow(image, operation, a, sign):
  factor = 0.05 + 0.9 * a
  share, pixels = sign * 0.3 * a, sign * int(0.3 * a * _SIZE)
  made = {
    Operation.IDENTITY: lambda: image,
    Operation.AUTOCONTRAST: lambda: ImageOps.autocontrast(image),
    Operation.EQUALIZE: lambda: ImageOps.equalize(image),
    Operation.BRIGHTNESS: lambda: ImageEnhance.Brightness(image).enhance(
      factor
    ),
    Operation.COLOR: lambda: ImageEnhance.Color(image).enhance(factor),
    Operation.CONTRAST: lambda: ImageEnhance.Contrast(image).enhance(factor),
    Operation.SHARPNESS: lambda: ImageEnhance.Sharpness(image).enhance(factor),
    Operation.POSTERIZE: lambda: ImageOps.posterize(image, 4 + int(4 * a)),
    Operation.SOLARIZE: lambda: ImageOps.solarize(image, 256 - int(256 * a)),
    Operation.ROTATE: lambda: image.rotate(sign * int(30 * a)),
    Operation.SHEAR_X: lambda: _affine(image, 1, share, 0, 0, 1, 0),
    Operation.SHEAR_Y: lambda: _affine(image, 1, 0, 0, share, 1, 0),
    Operation.TRANSLATE_X: lambda: _affine(image, 1, 0, pixels, 0, 1, 0),
    Operation.TRANSLATE_Y: lambda: _affine(image, 1, 0, 0, 0, 1, pixels),
  }
  return made[operation]()


@functools.partial(jax.jit, static_argnames="channels")
def _apply(images, operation, strength, sign, channels):
  del channels
  split = planes.split(images.astype(jnp.float32) / 255)
  return planes.join(operations.apply(split, operation, strength, sign)) * 255


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", Operation)
def test_each_operation_is_pillows(operation, channels):
  images = _photographs(channels)
  count = len(images)
  for level in _LEVELS:
    for sign in (-1, 1):
      a = level / 10
      found = _apply(
        images,
        jnp.full(count, int(operation)),
        jnp.full(count, a, jnp.float32),
        jnp.full(count, float(sign)),
        channels,
      )
      expected = np.stack(
        [
          np.asarray(
            _by_pillow(Image.fromarray(i.squeeze()), operation, a, sign)
          )
          for i in images
        ]
      ).reshape(found.shape)
      is_off = np.abs(np.asarray(found) - expected) > 2.001
      # The nearest pixel of a rotation may be a tie.
      most = 0.002 if operation is Operation.ROTATE else 0
      assert is_off.mean() <= most, (level, sign, is_off.mean())


def test_a_mixed_batch_is_each_image_for_itself():
  images = _photographs(3)[:14]
  every = jnp.arange(14)
  strength, sign = jnp.full(14, 0.7), jnp.ones(14)
  together = _apply(images, every, strength, sign, 3)
  for index in range(14):
    alone = _apply(
      images[index : index + 1], every[index : index + 1], strength[:1],
      sign[:1], 3,
    )  # fmt: skip
    np.testing.assert_allclose(together[index], alone[0], atol=1e-3)


def _draw(augmentation, images, seed=0):
  keys = jax.random.split(jax.random.key(seed), len(images))
  return np.asarray(augment(images, keys, augmentation))


_OFF = {"flip_prob": 0.0, "jitter_prob": 0.0, "grayscale_prob": 0.0}
_plain = functools.partial(
  Augmentation, size=_SIZE, crop_scale=None, blur_prob=0.0, **_OFF
)


def test_layers_are_drawn_for_each_image():
  images = np.repeat(_photographs(3)[:1], 600, axis=0)
  one = _draw(_plain(operations=1, operation_prob=1.0), images)
  two = _draw(_plain(operations=2, operation_prob=1.0), images)
  never = _draw(_plain(operations=2, operation_prob=0.0), images)
  np.testing.assert_array_equal(never, _draw(_plain(), images))
  assert (two == one).all(axis=(1, 2, 3)).mean() > 1 / 14 / 2
  half = _draw(_plain(operations=1), images)
  unchanged = (half == never).all(axis=(1, 2, 3)).mean()
  assert 0.45 < unchanged < 0.65  # the half, and a few that change nothing
  assert len({image.tobytes() for image in one}) > 100


def test_no_layers_are_no_program_of_their_own():
  images, keys = _photographs(3), jax.random.split(jax.random.key(0), 19)
  plain = augment.lower(images, keys, _plain()).as_text()
  none = _plain(operations=0, operation_prob=1.0, cutout=0.0, pad_crop=0)
  assert augment.lower(images, keys, none).as_text() == plain


def test_layers_draw_operations_of_their_own():
  keys = jax.random.split(jax.random.key(0), 4000)
  unit = np.asarray(draw.sample_extra(keys, 2).operations)
  assert unit.shape == (4000, 2, 4)
  first, second = np.floor(unit[:, :, 0].T * 14).astype(int)
  both = np.histogram2d(first, second, bins=14)[0] / 4000
  np.testing.assert_allclose(both, 1 / 14**2, atol=0.004)
  # The first layer does not depend on whether there is a second.
  np.testing.assert_array_equal(
    unit[:, :1], draw.sample_extra(keys, 1).operations
  )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_view_does_not_depend_on_the_batch(channels):
  images = np.tile(_photographs(channels), (4, 1, 1, 1))[:64]
  keys = jax.random.split(jax.random.key(5), 64)
  strong = _plain(
    pad_crop=4, operations=2, operation_prob=1.0, cutout=0.5, flip_prob=0.5
  )
  together = np.asarray(augment(images, keys, strong))
  for rows in (slice(0, 9), slice(41, 48)):  # no multiples of a group
    part = augment(images[rows], keys[rows], strong)
    np.testing.assert_allclose(together[rows], part, atol=1e-6)
  mesh = jax.make_mesh(
    (4,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("rows"))
  spread = augment(
    jax.device_put(images, rows), jax.device_put(keys, rows), strong
  )
  np.testing.assert_allclose(together, spread, atol=1e-6)


def test_equalizing_few_images_is_equalizing_them():
  images = planes.split(jnp.asarray(_photographs(3)[:16], jnp.float32) / 255)
  for chosen in (np.zeros(16, bool), np.ones(16, bool), np.arange(16) % 5 == 2):
    found = jax.jit(tone.equalize_few)(images, jnp.asarray(chosen))
    for plane, before in zip(found, images, strict=True):
      expected = np.where(chosen[:, None, None], tone.equalize(before), before)
      np.testing.assert_array_equal(plane, expected)


def test_levels_are_within_their_range():
  images = np.repeat(_photographs(3)[:1], 400, axis=0)
  weak = _draw(_plain(operations=1, operation_levels=(1, 1)), images)
  strong = _draw(_plain(operations=1, operation_levels=(10, 10)), images)
  both = _draw(_plain(operations=1, operation_levels=(1, 10)), images)
  changes = [len({i.tobytes() for i in x}) for x in (weak, strong, both)]
  # 14 operations, of which seven have two signs, at one level.
  assert max(changes[:2]) <= 21 < changes[2]


def test_cutout_covers_a_grey_square_on_every_image():
  images = np.zeros((300, _SIZE, _SIZE, 1), np.uint8)
  found = _draw(_plain(cutout=0.5), images)[..., 0]
  assert set(np.unique(found)) == {0.0, np.float32(128 / 255)}
  areas = (found > 0).sum(axis=(1, 2))
  assert areas.max() == 16 * 16
  assert areas.min() >= 8 * 8  # a corner lies inside at least
  lines = (found > 0).any(axis=2)
  assert (lines.sum(axis=1) == 16).mean() == pytest.approx(0.53, abs=0.1)


def test_pad_crop_is_a_window_of_the_mirrored_image():
  images = _photographs(3)[:2]
  padded = np.pad(images, ((0, 0), (4, 4), (4, 4), (0, 0)), mode="reflect")
  seen = set()
  for seed in range(60):
    found = np.round(_draw(_plain(pad_crop=4), images, seed) * 255)
    for image, whole in zip(found, padded, strict=True):
      places = [
        (y, x)
        for y in range(9)
        for x in range(9)
        if np.array_equal(image, whole[y : y + _SIZE, x : x + _SIZE])
      ]
      assert len(places) == 1
      seen.update(places)
  assert {y for y, _ in seen} == {x for _, x in seen} == set(range(9))


def test_other_draws_do_not_move():
  images = _photographs(3)
  plain = Augmentation(size=_SIZE, crop_scale=(0.5, 1.0))
  jittered = _draw(plain, images)
  spotted = _draw(
    Augmentation(size=_SIZE, crop_scale=(0.5, 1.0), cutout=1 / _SIZE), images
  )
  # One covered pixel changes a view, through a mean or a blur, but little.
  assert np.abs(jittered - spotted).mean() < 0.02


def test_values_out_of_range_are_refused():
  with pytest.raises(ValueError, match=r"below size, got 32"):
    _plain(pad_crop=32)
  with pytest.raises(ValueError, match=r"operation_levels must be .* <= 10"):
    _plain(operation_levels=(0, 11))
