"""Global-Local as a method: two losses, each with its switch, and measures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax import losses
from suncet_jax.config import base, validate
from suncet_jax.errors import UserError
from suncet_jax.methods.base import Moment, Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.global_local.method import GlobalLocal, compared
from suncet_jax.plugins import suitable_evaluations
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.heard import heard_frames


def _outputs(b=4):
  rng = np.random.default_rng(0)
  draw = lambda *shape: rng.normal(size=(b, *shape)).astype(np.float32)  # noqa: E731
  return {
    "features": draw(3),
    "slow": draw(2, 2, 3, 5),
    "fast": draw(4, 2, 3, 6),
    "audio_global": draw(8, 5),
    "audio_local": draw(8, 6),
  }


class _Encode(ViewEncoder):
  """Takes views for outputs, times the parameter."""

  def __call__(self, params, batch_stats, views, *, key):
    return [jax.tree.map(lambda x: params * x, view) for view in views], None


def _loss(method, params=1.0):
  moment = Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0))
  encode = _Encode(None, virtual.mesh(2))
  value, output = method.loss(
    jnp.asarray(params),
    None,
    (),
    Views((_outputs(),), (), None),
    encode,
    moment,
  )
  return value, output.metrics


def _expected(**options):
  outputs = _outputs()
  audio = outputs["audio_global"].mean(axis=1)
  places = outputs["slow"].mean(axis=1).reshape(4, 6, 5)
  frames = outputs["fast"].reshape(4, 4, 6, 6)
  return (
    losses.mil_nce(audio, places, **options),
    losses.audiovisual_local(
      audio, places, frames, outputs["audio_local"], **options
    ),
  )


def test_it_is_the_sum_of_both_losses():
  value, metrics = _loss(GlobalLocal(1.0, 0.5, True, 0.2))
  both = _expected(temperature=0.2)
  np.testing.assert_allclose(value, both[0] + 0.5 * both[1], rtol=1e-5)
  np.testing.assert_allclose(metrics["global_loss"], both[0], rtol=1e-5)
  np.testing.assert_allclose(metrics["local_loss"], both[1], rtol=1e-5)
  assert 1 / 6 < metrics["attention_peak"] < 1


def test_the_published_form_has_no_unit_vectors():
  value, _ = _loss(GlobalLocal(normalize=False, temperature=1.0))
  expected = sum(_expected(normalize=False, temperature=1.0))
  np.testing.assert_allclose(value, expected, rtol=1e-5)
  longer, _ = _loss(GlobalLocal(normalize=False, temperature=1.0), 2.0)
  assert abs(longer - value) > 0.1  # lengths matter
  _, metrics = _loss(GlobalLocal())
  scaled, _ = _loss(GlobalLocal(), 2.0)
  np.testing.assert_allclose(scaled, sum(_expected()), rtol=1e-4)
  assert metrics.keys() == {"global_loss", "local_loss", "attention_peak"}


@pytest.mark.parametrize("which", [0, 1])
def test_each_loss_alone(which):
  weights = [0.0, 0.0]
  weights[which] = 1.0
  value, metrics = _loss(GlobalLocal(*weights))
  np.testing.assert_allclose(value, _expected()[which], rtol=1e-5)
  assert len(metrics) == 2


def test_measures_are_attention_and_scores_of_moments():
  method, outputs = GlobalLocal(), _outputs()
  measured = method.measured(outputs)
  assert measured["attention"].shape == (4, 2, 3)
  np.testing.assert_allclose(measured["attention"].sum((1, 2)), 1, rtol=1e-5)
  rows = compared(outputs)
  seen = jnp.einsum(
    "np,ntpe->nte",
    losses.audiovisual_attention(rows.audio, rows.places),
    rows.frames,
  )
  units = [
    np.asarray(x) / np.linalg.norm(x, axis=-1, keepdims=True)
    for x in (seen, rows.sounds)
  ]
  dots = np.einsum("nte,nse->nts", *units).reshape(4, 4, 4, 2) / 0.1
  expected = np.log(np.exp(dots).sum(axis=-1))
  np.testing.assert_allclose(measured["synchrony"], expected, rtol=1e-4)


def test_a_run_measures_pointing_and_synchrony():
  parts = tiny.experiment(method="global_local")
  assert {"pointing", "synchrony", "knn"} <= set(
    suitable_evaluations(parts.config)
  )
  evaluator, state = Evaluator(parts), parts.initial_state()
  found = evaluator.evaluate(state, "pointing")
  assert 0 <= found["pointing"] <= 1
  assert 0 < found["pointing_chance"] <= 1
  found = evaluator.evaluate(state, "synchrony")
  assert 0 <= found["synchrony"] <= 1
  assert found["synchrony_chance"] == 1 / 4


def _settings(**fields):
  config = base("global_local")
  config.data.update(source="clips")
  config.data.clips.synthetic = "shapes"
  config.data.labelled.fraction = 1.0
  config.data.validation.per_class = 5
  config.model.name = "global_local"
  config.evals.final = ("knn", "pointing")
  config.update_from_flattened_dict(fields)
  return config


def test_settings_that_do_not_fit_are_named():
  validate(_settings())
  for fields, message in (
    ({"model.name": "lira"}, "only the network 'global_local' returns"),
    ({"method.global_weight": 0.0, "method.local_weight": 0.0}, "both 0"),
    ({"data.clips.synthetic": "mouths"}, "'shapes' only, got 'mouths'"),
    ({"clip.size": 16}, "frames stay whole: clip.size is 16"),
    ({"model.lira.blocks": 3}, "which only lira has"),
    ({"optim.frozen_blocks": 2}, "no such order of blocks"),
    ({"data.source": "digits"}, "a method of clips, but data.source 'digits'"),
  ):
    with pytest.raises(UserError, match=message):
      validate(_settings(**fields))
  config = base("simclr")
  config.evals.final = ("pointing",)
  with pytest.raises(UserError, match="needs attention that method simclr"):
    validate(config)


def test_the_report_darkens_what_is_not_heard():
  parts = tiny.experiment(method="global_local")
  attention = np.full((64, 2, 2), 0.1)
  attention[:, 1, 0] = 0.7
  images, titles = heard_frames(parts, attention)
  assert images.shape == (8, 1 + 4, 8, 8, 1)
  assert titles[:2] == ["frame 1", "heard, frame 1"]
  whole, shown = images[:, 0].astype(int), images[:, 1].astype(int)
  np.testing.assert_array_equal(shown[:, 4:, :4], whole[:, 4:, :4])
  assert shown[:, :4].sum() < 0.5 * whole[:, :4].sum()
  assert heard_frames(parts, None)[0].size == 0
