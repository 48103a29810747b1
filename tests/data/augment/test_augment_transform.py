"""The whole augmentation: determinism, independence, sharding, arguments."""

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from suncet_jax.data.augment import Augmentation, augment, to_float

_FULL = Augmentation(
  size=8, crop_scale=(0.2, 1.0), solarize_prob=0.2, equalize_prob=0.2
)
# Without the operations that turn a rounding error into another level.
_SMOOTH = dataclasses.replace(_FULL, equalize_prob=0.0, solarize_prob=0.0)
_PLAIN = Augmentation(
  size=6,
  crop_scale=None,
  flip_prob=0.0,
  jitter_prob=0.0,
  grayscale_prob=0.0,
  blur_prob=0.0,
)


def _images(b=12, h=10, w=9, c=3, seed=0):
  rng = np.random.default_rng(seed)
  return rng.integers(0, 256, (b, h, w, c), np.uint8)


def _keys(count, seed=0):
  return jax.random.split(jax.random.key(seed), count)


@settings(max_examples=3, deadline=None)
@given(
  st.integers(1, 4),
  st.sampled_from([(8, 8), (28, 28), (5, 11)]),
  st.sampled_from([1, 3]),
  st.sampled_from([8, 24]),
)
def test_result_has_the_shape_dtype_and_range(b, image_size, c, size):
  config = dataclasses.replace(_FULL, size=size)
  result = augment(_images(b, *image_size, c), _keys(b), config)
  assert result.shape == (b, size, size, c)
  assert result.dtype == jnp.float32
  assert result.min() >= 0
  assert result.max() <= 1


def test_same_key_same_result_and_other_key_other_result():
  images = _images()
  first = augment(images, _keys(12), _FULL)
  np.testing.assert_array_equal(first, augment(images, _keys(12), _FULL))
  second = augment(images, _keys(12, seed=1), _FULL)
  assert np.all(np.any(first != second, axis=(1, 2, 3)))


def test_copies_of_one_image_differ_by_their_keys():
  images = np.repeat(_images(1), 12, axis=0)
  result = np.asarray(augment(images, _keys(12), _FULL)).reshape(12, -1)
  assert len(np.unique(result, axis=0)) == 12


def test_order_of_the_batch_does_not_matter():
  images, keys = _images(), _keys(12)
  order = np.random.default_rng(0).permutation(12)
  np.testing.assert_array_equal(
    augment(images[order], keys[order], _FULL),
    augment(images, keys, _FULL)[order],
  )


def test_size_of_the_batch_does_not_matter():
  images, keys = _images(), _keys(12)
  np.testing.assert_allclose(
    augment(images[:1], keys[:1], _SMOOTH),
    augment(images, keys, _SMOOTH)[:1],
    atol=1e-6,
  )


def test_result_is_the_same_on_four_devices():
  mesh = jax.make_mesh(
    (4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
  images, keys = _images(), _keys(12)
  split = augment(*jax.device_put((images, keys), rows), _FULL)
  assert split.sharding.is_equivalent_to(rows, split.ndim)
  np.testing.assert_array_equal(split, augment(images, keys, _FULL))


def test_no_data_crosses_devices():
  mesh = jax.make_mesh(
    (4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,)
  )
  rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("data"))
  images, keys = jax.device_put((_images(), _keys(12)), rows)
  program = augment.lower(images, keys, _FULL).compile().as_text()
  for collective in ("all-gather", "all-reduce", "all-to-all", "permute"):
    assert collective not in program


def test_float_images_give_what_uint8_ones_give():
  images = _images()
  as_float = images.astype(np.float32) / 255
  np.testing.assert_allclose(
    augment(as_float, _keys(12), _SMOOTH),
    augment(images, _keys(12), _SMOOTH),
    atol=1e-6,
  )


def test_flip_mirrors_the_wanted_fraction():
  config = dataclasses.replace(_PLAIN, size=2, flip_prob=0.3)
  images = _images(2000, 2, 2, 1)
  images[:, 0, 0], images[:, 0, 1] = 0, 255  # never its own mirror image
  result = augment(images, _keys(2000), config)
  plain = to_float(images, config)
  is_flipped = np.all(result == plain[:, :, ::-1], axis=(1, 2, 3))
  is_same = np.all(result == plain, axis=(1, 2, 3))
  assert np.all(is_flipped ^ is_same)
  assert abs(is_flipped.mean() - 0.3) < 4 * np.sqrt(0.21 / 2000)


def test_switching_one_operation_off_leaves_the_others_draws():
  images, keys = _images(12, 6, 6), _keys(12)
  flip = dataclasses.replace(_PLAIN, flip_prob=0.5)
  both = dataclasses.replace(flip, grayscale_prob=0.5)
  flipped = augment(images, keys, flip)
  result = augment(images, keys, both)
  is_colour = np.ptp(result, axis=3).max(axis=(1, 2)) > 0
  assert 0 < is_colour.sum() < 12
  np.testing.assert_array_equal(result[is_colour], flipped[is_colour])


def test_nothing_to_do_is_evaluation():
  images = _images(3, 6, 6)
  result = augment(images, _keys(3), _PLAIN)
  np.testing.assert_allclose(result, images / 255, rtol=1e-6)
  np.testing.assert_array_equal(result, to_float(images, _PLAIN))


def test_mean_and_std_come_last():
  mean, std = (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)
  config = dataclasses.replace(_FULL, mean=mean, std=std)
  images, keys = _images(), _keys(12)
  expected = (augment(images, keys, _FULL) - np.array(mean)) / np.array(std)
  np.testing.assert_allclose(augment(images, keys, config), expected, atol=1e-5)
  np.testing.assert_allclose(
    to_float(images, config),
    (images / 255 - np.array(mean)) / np.array(std),
    atol=1e-5,
  )


def test_colour_operations_step_aside_for_one_channel():
  config = dataclasses.replace(_FULL, brightness=0.0, contrast=0.0)
  plain = dataclasses.replace(config, jitter_prob=0.0, grayscale_prob=0.0)
  images, keys = _images(c=1), _keys(12)
  np.testing.assert_array_equal(
    augment(images, keys, config), augment(images, keys, plain)
  )


def test_result_is_float32_with_x64(x64):
  assert augment(_images(2), _keys(2), _FULL).dtype == jnp.float32
  assert to_float(_images(2), _FULL).dtype == jnp.float32


@pytest.mark.parametrize(
  ("images", "config", "error", "message"),
  [
    (_images().astype(np.int32), _FULL, TypeError, "got int32"),
    (_images()[0], _FULL, ValueError, r"shape \(10, 9, 3\)"),
    (_images(c=2), _FULL, ValueError, "c 1 or 3"),
    (_images(), _PLAIN, ValueError, "10 x 9 and augmentation.size is 6"),
    (
      _images(),
      dataclasses.replace(_FULL, mean=(0.5,), std=(0.5,)),
      ValueError,
      "3 channels",
    ),
  ],
)
def test_wrong_images_are_named(images, config, error, message):
  with pytest.raises(error, match=message):
    augment(images, _keys(len(images)), config)


def test_wrong_keys_are_named():
  images = _images()
  with pytest.raises(ValueError, match=r"\(12,\), got \(3,\)"):
    augment(images, _keys(3), _FULL)
  with pytest.raises(TypeError, match="must be typed PRNG keys"):
    augment(images, jnp.zeros((12, 2), jnp.uint32), _FULL)
  rbg_keys = jax.random.split(jax.random.key(0, impl="rbg"), 12)
  with pytest.raises(ValueError, match="got 'rbg'"):
    augment(images, rbg_keys, _FULL)


def test_from_config_makes_tuples_and_keeps_defaults():
  config = ml_collections.ConfigDict(
    {"size": 8, "crop_scale": [0.2, 1.0], "solarize_prob": 0.2}
  )
  config.equalize_prob = 0.2
  assert Augmentation.from_config(config) == _FULL
  assert hash(Augmentation.from_config(config)) == hash(_FULL)


def test_from_config_names_unknown_fields():
  with pytest.raises(ValueError, match=r"no \['crop_sale'\], expected"):
    Augmentation.from_config({"size": 8, "crop_sale": [0.2, 1.0]})


def test_all_faults_are_in_one_message():
  with pytest.raises(ValueError, match="size") as caught:
    Augmentation(
      0,
      (0.5, 1.5),
      crop_ratio=(2.0, 1.0),
      flip_prob=1.1,
      contrast=-1,
      hue=0.7,
      blur_sigma=(0.0, 1.0),
      mean=(0.5,),
      std=(0.0, 1.0),
    )
  for fault in (
    "size must be at least 1, got 0",
    "crop_scale",
    "crop_ratio",
    "flip_prob must be in [0, 1], got 1.1",
    "contrast must be at least 0, got -1",
    "hue must be in [0, 0.5], got 0.7",
    "blur_sigma",
    "equally long",
    "std must be positive",
  ):
    assert fault in str(caught.value)


def test_evaluation_may_resize():
  images = np.zeros((1, 28, 28, 1), np.uint8)
  images[:, :, 14:] = 255
  small = to_float(images, _PLAIN, size=24)
  assert small.shape == (1, 24, 24, 1)
  np.testing.assert_allclose(small.mean(), 0.5, atol=1e-6)
  np.testing.assert_allclose(small[0, :, 0], 0.0, atol=1e-6)
  same = to_float(images, _PLAIN, size=28)
  np.testing.assert_array_equal(same, to_float(images, _PLAIN))
