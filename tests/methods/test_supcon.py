"""SupCon as a method: two views of each labelled image, labels alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax.config import ConfigError, base, validate
from suncet_jax.methods.base import Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.supcon.method import SupCon


class _Encode(ViewEncoder):
  """Takes views for projections."""

  def __call__(self, params, batch_stats, views):
    return [{"projection": params * view} for view in views], batch_stats


def _rows():
  rng = np.random.default_rng(0)
  views = [rng.normal(size=(6, 4)).astype(np.float32) for _ in range(2)]
  return views, np.array([0, 0, 1, 1, 2, 3])


def _loss(method, devices=1):
  views, labels = _rows()
  return method.loss(
    jnp.float32(1.0),
    {},
    (),
    Views((), tuple(map(jnp.asarray, views)), jnp.asarray(labels)),
    _Encode(None, virtual.mesh(devices)),
    None,
  )


@pytest.mark.parametrize("devices", [1, 2])
def test_the_loss_is_equation_2_of_the_paper(devices):
  views, labels = _rows()
  z = np.concatenate(views).astype(np.float64)
  z /= np.linalg.norm(z, axis=1, keepdims=True)
  y = np.tile(labels, 2)
  s = z @ z.T / 0.2
  each = []
  for i in range(12):
    others = [j for j in range(12) if j != i]
    log_sum = np.log(np.exp(s[i, others]).sum())
    # A class of one image has its other view.
    positives = [j for j in others if y[j] == y[i]]
    each.append(-np.mean([s[i, p] - log_sum for p in positives]))
  value, output = _loss(SupCon(temperature=0.2), devices)
  np.testing.assert_allclose(value, np.mean(each), rtol=1e-5)
  np.testing.assert_allclose(output.metrics["supcon"], value)


def test_the_base_temperature_scales_what_is_optimized_only():
  plain, _ = _loss(SupCon(temperature=0.1))
  scaled, output = _loss(SupCon(temperature=0.1, base_temperature=0.07))
  np.testing.assert_allclose(scaled, plain * 0.1 / 0.07, rtol=1e-6)
  np.testing.assert_allclose(output.metrics["supcon"], plain, rtol=1e-6)


def test_one_view_is_refused():
  config = base("supcon")
  config.data.labelled.per_class = 5
  config.data.validation.per_class = 5
  with pytest.raises(ConfigError, match="views is 1, but SupCon"):
    validate(config)


def test_no_unlabelled_image_is_loaded():
  parts = tiny.experiment(method="supcon", **{"data.labelled.views": 2})
  spec = parts.batch_spec(0)
  batch = next(parts.stream.batches(range(1), spec.unlabelled, spec.labelled))
  assert batch.unlabelled == ()
  state = parts.initial_state()
  assert set(state.params) == {"backbone", "head"}
  _, metrics = parts.step_fn()(state, batch, spec, 0)
  assert jnp.isfinite(metrics["supcon"])
  # Chance: as many equal keys as there are others.
  assert 0 < float(metrics["supcon"]) < 2 * np.log(2 * 8 - 1)


def test_stage_two_leaves_the_backbone_as_it_is():
  from suncet_jax.train.finetuning import finetune_on_labels

  parts = tiny.experiment(
    method="supcon",
    **{
      "data.labelled.views": 2,
      "evals.finetune.backbone_scale": 0.0,
      "evals.finetune.epochs": 1,
    },
  )
  state = parts.initial_state()
  tuned = finetune_on_labels(parts, state)
  jax.tree.map(
    np.testing.assert_array_equal,
    jax.device_get(tuned.variables.params),
    jax.device_get(state.params["backbone"]),
  )
