"""The views in a report are those that the method trains on."""

import numpy as np
import tiny

from suncet_jax.train.sample_views import sample_views


def test_one_kind_fills_all_columns():
  pixels, titles = sample_views(tiny.experiment(method="simclr"))
  assert titles == ["image", *(f"view {i}" for i in range(1, 7))]
  assert pixels.shape == (8, 7, 8, 8, 1)
  assert pixels.dtype == np.uint8
  assert len(np.unique(pixels[0], axis=0)) == 7  # each drawn anew


def test_each_kind_has_its_columns_and_small_views_are_enlarged():
  parts = tiny.experiment(
    method="simclr", **{"multicrop.views": 2, "multicrop.size": 6}
  )
  pixels, titles = sample_views(parts)
  kinds = [
    *(f"view {i}" for i in (1, 2, 3)),
    *(f"small {i}" for i in (1, 2, 3)),
  ]
  assert titles == ["image", *kinds]
  assert pixels.shape == (8, 7, 8, 8, 1)


def test_views_that_the_method_declares_are_shown():
  fields = {
    "method.view": "strong",
    "strong.operations": 0,
    "strong.flip_prob": 0.0,
    "strong.crop_scale": (1.0, 1.0),
    "strong.crop_ratio": (1.0, 1.0),
    "strong.cutout": 1.0,
  }
  pixels, titles = sample_views(tiny.experiment(**fields))
  assert titles[1] == "strong 1"
  image, *views = pixels[0]
  for view in views:  # a square of the image's size is grey, the rest as it was
    is_grey = view == 128
    assert is_grey.any()
    np.testing.assert_array_equal(view[~is_grey], image[~is_grey])
