"""Further small views: which pairs the loss is the mean of."""

import jax
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax import losses
from suncet_jax.config import ConfigError, base, validate
from suncet_jax.data.augment.view import named_views
from suncet_jax.methods.base import build
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.plugins import method_spec


def _config(views):
  config = base("simclr")
  config.method.temperature = 0.2
  config.augment.size = 16
  config.augment.crop_scale = (0.2, 1.0)
  config.augment.solarize_prob = 0.2
  config.multicrop.views = views
  config.multicrop.size = 6
  return config


def test_small_views_differ_in_size_and_crop_only():
  config = _config(3)
  names = method_spec("simclr").groups(config, 0).unlabelled
  kinds = named_views(config, is_cropped=False)
  large, again, *small = (kinds[name].augmentation for name in names)
  assert large == again
  assert (large.size, large.crop_scale) == (16, (0.2, 1.0))
  assert len(small) == 3
  for view in small:
    assert (view.size, view.crop_scale) == (6, (0.05, 0.14))
    assert view.solarize_prob == large.solarize_prob == 0.2


@pytest.mark.parametrize("method", ["supervised", "fixmatch", "comatch"])
def test_small_views_that_a_method_would_not_encode_are_refused(method):
  config, _ = tiny.settings(method=method, **{"multicrop.views": 2})
  with pytest.raises(
    ConfigError, match=f"multicrop.views is 2, but {method} encodes no small"
  ):
    validate(config)


@pytest.mark.parametrize("views", [0, 1, 2])
def test_the_loss_is_the_mean_over_pairs_with_a_large_view(views):
  keys = jax.random.split(jax.random.key(0), 2 + views)
  z = [jax.random.normal(key, (6, 8)) for key in keys]
  value, metrics = build(_config(views), 10).contrast(
    [{"projection": row} for row in z], ViewEncoder(None, virtual.mesh(1))
  )
  pairs = [(0, 1)]
  pairs += [(large, 2 + i) for i in range(views) for large in (0, 1)]
  each = [losses.ntxent(z[a], z[b], temperature=0.2) for a, b in pairs]
  np.testing.assert_allclose(value, np.mean(each), rtol=1e-6)
  assert metrics["ntxent"] == value
