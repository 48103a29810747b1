"""Views of image files: what the host does, and what remains."""

import jax
import numpy as np
import pytest

from suncet_jax.config import base
from suncet_jax.data.augment import Augmentation, augment
from suncet_jax.data.augment.view import View, named_views

_OFF = {"jitter_prob": 0.0, "grayscale_prob": 0.0, "blur_prob": 0.0}


def test_pad_crop_of_image_files_is_refused():
  config = base()
  config.augment.pad_crop = 4
  with pytest.raises(
    ValueError,
    match=r"^augment\.pad_crop is 4.*expected 0.*augment\.crop_scale",
  ):
    named_views(config, is_cropped=True)
  views = named_views(config, is_cropped=False)
  assert views["view"].augmentation.pad_crop == 4
  # Small views are crops, whatever the others are.
  assert views["small"].augmentation.pad_crop == 0


def test_operations_and_cutout_follow_the_crop_of_the_host():
  strong = Augmentation(
    16, (0.2, 1.0), operations=2, operation_prob=1.0, cutout=0.5, **_OFF
  )
  view = View(strong, is_cropped=True)
  assert view.host_crop().scale == (0.2, 1.0)
  pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 16, 3), np.uint8)
  keys = jax.random.split(jax.random.key(0), 24)
  found = np.asarray(view.view(pixels, keys))
  whole = Augmentation(
    16, None, operations=2, operation_prob=1.0, cutout=0.5, **_OFF
  )
  np.testing.assert_array_equal(found, augment(pixels, keys, whole))
  is_grey = (found == np.float32(128 / 255)).all(axis=3).sum(axis=(1, 2))
  assert is_grey.min() >= 4 * 4  # a corner of the square lies inside at least
  plain = Augmentation(16, None, cutout=0.5, **_OFF)
  assert (found != augment(pixels, keys, plain)).any(axis=(1, 2, 3)).sum() > 12
