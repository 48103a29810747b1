"""LiRA as a method: each frame predicts the sound of its own time."""

import conformance
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual

from suncet_jax.config import base, validate
from suncet_jax.errors import UserError
from suncet_jax.methods.base import Moment, Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.lira.method import LiRA
from suncet_jax.train.step import make_views


class _Encode(ViewEncoder):
  """Predicts, for each frame, its number as every number of its sound."""

  def __call__(self, params, batch_stats, views, *, key):
    (view,) = views
    b, t = view["video"].shape[:2]
    numbers = jnp.broadcast_to(jnp.arange(t)[:, None], (b, t, 2 * 3))
    return [{"acoustic": params * numbers}], None


def test_columns_belong_to_their_frames():
  sound = np.repeat(np.arange(4.0), 2)[None, :, None] * np.ones((3, 1, 3))
  view = {"video": np.zeros((3, 4, 2, 2, 1)), "audio": jnp.asarray(sound)}

  def loss(params):
    value, output = LiRA().loss(
      jnp.asarray(params),
      None,
      (),
      Views((view,), (), None),
      _Encode(None, virtual.mesh(1)),
      Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0)),
    )
    return value, output.metrics

  assert loss(1.0)[0] == 0
  value, metrics = loss(0.0)
  np.testing.assert_allclose(value, 1.5)
  np.testing.assert_allclose(metrics["lira_silence"], 1.5)


def test_the_sound_moves_the_loss_and_never_the_features():
  parts = conformance.experiment("lira")
  state = conformance.initial_state("lira")
  (spec, batch), *_ = conformance.batches(parts, range(1))
  (view,) = make_views(batch, spec, state.step, 0).unlabelled

  def features(sound):
    outputs, _ = parts.model.apply(
      state.params,
      state.batch_stats,
      {**view, "audio": sound},
      train=True,
      key=jax.random.key(0),
    )
    return jnp.sum(outputs["features"] ** 2) + jnp.sum(outputs["acoustic"])

  gradient = jax.jit(jax.grad(features))(view["audio"])
  np.testing.assert_array_equal(gradient, 0)

  def loss(sound):
    moment = Moment(jnp.int32(0), jnp.float32(0), jax.random.key(0))
    views = Views(({**view, "audio": sound},), (), None)
    encode = ViewEncoder(parts.model, parts.mesh)
    value, _ = parts.method.loss(
      state.params, state.batch_stats, (), views, encode, moment
    )
    return value

  assert np.abs(jax.jit(jax.grad(loss))(view["audio"])).max() > 0


def test_settings_that_do_not_fit_are_named():
  config = base("lira")
  config.data.source = "clips"
  config.data.clips.synthetic = "mouths"
  config.data.labelled.fraction = 1.0
  config.data.validation.per_class = 5
  config.model.name = "lira"
  validate(config)
  config.model.lira.heads = 3
  with pytest.raises(UserError, match=r"heads is 3, .* divides .* 256"):
    validate(config)
  config.model.lira.heads = 4
  config.clip.audio_norm = "none"
  with pytest.raises(UserError, match="loudness would be most"):
    validate(config)
  config.clip.audio_norm = "band"
  config.model.name = "resnet8"
  with pytest.raises(UserError, match="needs one of global_local, lira"):
    validate(config)
