"""Further small views: which pairs the loss is the mean of."""

import jax
import numpy as np
import pytest
import virtual

from suncet_jax import losses, methods
from suncet_jax.config import base
from suncet_jax.data.augment import Augmentation
from suncet_jax.models import Outputs

_VIEW = Augmentation(size=16, crop_scale=(0.2, 1.0), solarize_prob=0.2)


def _method(views):
  config = base()
  config.method.name = "simclr"
  config.method.temperature = 0.2
  config.multicrop.views = views
  config.multicrop.size = 6
  return methods.make_method(config, _VIEW, virtual.mesh(1))


def test_small_views_differ_in_size_and_crop_only():
  large, again, *small = _method(3).plan(0).unlabelled
  assert large == again == _VIEW
  assert len(small) == 3
  for view in small:
    assert (view.size, view.crop_scale) == (6, (0.05, 0.14))
    assert view.solarize_prob == _VIEW.solarize_prob


@pytest.mark.parametrize("views", [0, 1, 2])
def test_the_loss_is_the_mean_over_pairs_with_a_large_view(views):
  keys = jax.random.split(jax.random.key(0), 2 + views)
  z = [jax.random.normal(key, (6, 8)) for key in keys]
  value, metrics = _method(views).contrast([Outputs(row, row) for row in z])
  pairs = [(0, 1)]
  pairs += [(large, 2 + i) for i in range(views) for large in (0, 1)]
  each = [losses.ntxent(z[a], z[b], temperature=0.2) for a, b in pairs]
  np.testing.assert_allclose(value, np.mean(each), rtol=1e-6)
  assert metrics["ntxent"] == value
