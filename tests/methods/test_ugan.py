"""UGAN: its terms, that each player plays its own game, and its switches."""

import dataclasses
import functools
import logging

import conformance
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
import virtual
from jax.lax import stop_gradient

from suncet_jax.config import ConfigError, base, validate
from suncet_jax.methods.base import Moment, Views
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.methods.ugan import terms
from suncet_jax.methods.ugan.method import build
from suncet_jax.plugins import method_spec
from suncet_jax.train.watch import Watch

_SHAPE = (4, 4, 1)
_CLASSES = 3


def _softplus(x):
  return np.log(1 + np.exp(x))


def _softmax(rows):
  powers = np.exp(rows)
  return powers / powers.sum(axis=1, keepdims=True)


def _draw(*shape, seed=0):
  return np.random.default_rng(seed).normal(size=shape)


def _cosines(rows):
  found = [
    (a @ b) ** 2 / (a @ a) / (b @ b)
    for i, a in enumerate(rows)
    for j, b in enumerate(rows)
    if i != j
  ]
  return sum(found) / len(found)


def _formulas():
  """Yields name, value and the number that a loop in NumPy gives."""
  a, b, c = _draw(5), _draw(7, seed=1), _draw(4, seed=2)
  rows, other = _draw(6, 3), _draw(5, 3, seed=3)
  p, sums = _softmax(rows), np.log(np.exp(rows).sum(axis=1))
  yield (
    "critic",
    terms.critic(a, b, c),
    np.mean([_softplus(-x) for x in a])
    + 0.5 * np.mean([_softplus(x) for x in b])
    + 0.5 * np.mean([_softplus(x) for x in c]),
  )
  yield "generator", terms.generator(b), 0.5 * _softplus(-b).mean()
  score = _draw(6, seed=4)
  yield (
    "deceived",
    terms.deceived(rows, score),
    0.5 * np.mean([max(q) * _softplus(-s) for q, s in zip(p, score, strict=1)]),
  )
  yield (
    "entropy",
    terms.entropy(rows),
    np.mean([-sum(x * np.log(x) for x in q) for q in p]),
  )
  mean = p.mean(axis=0)
  yield (
    "balance",
    terms.balance(rows),
    -sum(np.log(m + 1e-12) for m in mean) / _CLASSES,
  )
  probability = 1 / (1 + np.exp(-sums))
  yield "real", terms.real(rows), -0.5 * np.log(probability).mean()
  yield "fake", terms.fake(rows), -0.5 * np.log(1 - probability).mean()
  yield (
    "feature_matching",
    terms.feature_matching(rows, other),
    np.mean([abs(x) for x in rows.mean(axis=0) - other.mean(axis=0)]),
  )
  yield "pull_away", terms.pull_away(rows), _cosines(rows)


def test_every_term_is_its_formula(x64):
  for name, value, expected in _formulas():
    np.testing.assert_allclose(value, expected, rtol=1e-9, err_msg=name)


def test_half_of_the_difference_is_the_published_form_of_real(x64):
  rows = _draw(6, 3)
  sums = np.log(np.exp(rows).sum(axis=1))
  published = -0.5 * sums.mean() + 0.5 * _softplus(sums).mean()
  np.testing.assert_allclose(terms.real(rows), published, rtol=1e-12)


def test_terms_are_finite_at_the_edges():
  rows = jnp.array([[300.0, -300.0], [0.0, 0.0]])
  for term in (terms.entropy, terms.balance, terms.real, terms.fake):
    value, gradient = jax.value_and_grad(term)(rows)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
  value, gradient = jax.value_and_grad(terms.pull_away)(jnp.zeros((3, 2)))
  assert value == 0
  assert not gradient.any()
  scores = jnp.array([-500.0, 500.0])
  assert np.isfinite(jax.grad(terms.critic)(scores, scores, scores)).all()


class _Encoder:
  """Features less their mean over the rows, which the statistics follow."""

  heads, over_all_views = ("logits",), ()

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del key
    rows = jnp.tanh(images.reshape(len(images), -1) @ params)
    mean = rows.mean(axis=0) if train else batch_stats
    return rows - mean, 0.5 * batch_stats + 0.5 * mean

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del names, train, key
    logits = outputs["features"] @ params["logits"]
    return {**outputs, "logits": logits}, batch_stats


def _config(**fields):
  config = base("ugan")
  config.precision = "float64"
  config.method.update(
    networks="mlp", width=6, noise=4, generated_weight=0.7, real_weight=1.3
  )
  config.method.update(fields)
  return config


@dataclasses.dataclass
class _Game:
  """A method on a toy encoder, with all that its loss takes."""

  method: object
  params: dict
  stats: dict
  views: Views
  key: jax.Array
  encode: ViewEncoder = dataclasses.field(
    default_factory=lambda: ViewEncoder(_Encoder(), virtual.mesh(1))
  )

  def loss(self, params, epoch=5.0):
    moment = Moment(jnp.int32(7), jnp.float64(epoch), self.key)
    return self.method.loss(
      params, self.stats, (), self.views, self.encode, moment
    )


@functools.cache
def _game(**fields):
  method = build(_config(**fields), _CLASSES)
  params = {"backbone": _draw(16, 5), "logits": _draw(5, _CLASSES, seed=1)}
  stats = {"backbone": _draw(5, seed=2)}
  for i, (name, player) in enumerate(method.networks(_SHAPE).items()):
    params[name], stats[name] = player.network.init(
      jax.random.key(i), *player.shapes
    )
  views = Views(
    (jnp.asarray(_draw(8, *_SHAPE, seed=3)),),
    (jnp.asarray(_draw(4, *_SHAPE, seed=4)),),
    jnp.array([0, 2, 1, 2]),
  )
  return _Game(method, params, stats, views, jax.random.key(9))


def _played_alone(game):
  """Returns what each part minimises, a function of its parameters alone.

  All else, samples of the others included, are constants here.
  """
  players, weights = game.method.players, game.method.weights
  (u,), (x,) = game.views.unlabelled, game.views.labelled
  key = game.key
  y = jax.nn.one_hot(game.views.labels, _CLASSES)

  def draw(name, own):
    params = {**game.params, name: own}
    return players.draw(name, params, game.stats, u.shape, key)[:2]

  def encode(params, *views):
    return game.encode(params, game.stats, views)[0]

  good, classes = draw("generator", game.params["generator"])
  bad, _ = draw("bad_generator", game.params["bad_generator"])
  _, seen = encode(game.params, x, u)
  guesses = jax.nn.one_hot(jnp.argmax(seen["logits"], axis=1), _CLASSES)

  def critic(own):
    by = {"critic": own}
    real = [
      players.critic(by, x, y),
      players.critic(by, u[1::2], guesses[1::2]),
    ]
    return terms.critic(
      jnp.concatenate(real),
      players.critic(by, good, classes),
      players.critic(by, u[::2], guesses[::2]),
    )

  def generator(own):
    return terms.generator(
      players.critic(game.params, draw("generator", own)[0], classes)
    )

  def bad_generator(own):
    drawn, _ = draw("bad_generator", own)
    (found,) = encode(game.params, drawn)
    matching = terms.feature_matching(found["features"], seen["features"])
    apart = terms.pull_away(found["features"])
    return matching + weights["pull_away_weight"] * apart

  scores = players.critic(game.params, u[::2], guesses[::2])

  def classifier(own):
    labelled, pool = encode(own, x, u)
    (of_good,), (of_bad,) = encode(own, good), encode(own, bad)

    def cross_entropy(out, rows):
      return -(rows * jax.nn.log_softmax(out["logits"])).sum(axis=1).mean()

    return (
      cross_entropy(labelled, y)
      + weights["entropy_weight"] * terms.entropy(pool["logits"])
      + weights["balance_weight"] * terms.balance(pool["logits"])
      + weights["critic_weight"] * terms.deceived(pool["logits"][::2], scores)
      + weights["generated_weight"] * cross_entropy(of_good, classes)
      + weights["real_weight"]
      * (terms.real(pool["logits"]) + terms.fake(of_bad["logits"]))
    )

  return critic, generator, bad_generator, classifier


def test_the_gradient_of_the_sum_is_each_players_own(x64):
  game = _game()
  gradient, _ = jax.jit(jax.grad(game.loss, has_aux=True))(game.params)
  critic, generator, bad_generator, classifier = _played_alone(game)
  of_classifier = {k: game.params[k] for k in ("backbone", "logits")}
  expected = {
    "critic": jax.jit(jax.grad(critic))(game.params["critic"]),
    "generator": jax.jit(jax.grad(generator))(game.params["generator"]),
    "bad_generator": jax.jit(jax.grad(bad_generator))(
      game.params["bad_generator"]
    ),
    **jax.jit(jax.grad(classifier))(of_classifier),
  }
  assert gradient.keys() == expected.keys()
  for part, own in expected.items():
    scale = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(own))
    assert scale > 1e-6, part
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12),
      gradient[part],
      own,
    )


def test_the_value_is_the_sum_of_what_is_logged(x64):
  game = _game()
  value, output = jax.jit(game.loss)(game.params)
  logged = output.metrics
  critic, generator, bad_generator, classifier = _played_alone(game)
  np.testing.assert_allclose(logged["critic"], critic(game.params["critic"]))
  np.testing.assert_allclose(
    value,
    logged["critic"]
    + generator(game.params["generator"])
    + bad_generator(game.params["bad_generator"])
    + classifier(game.params),
  )


def test_norms_of_the_classifier_keep_the_statistics_of_real_images(x64):
  game = _game()
  _, output = game.loss(game.params)
  _, expected = game.encode(
    game.params, game.stats, (*game.views.labelled, *game.views.unlabelled)
  )
  np.testing.assert_array_equal(
    output.batch_stats["backbone"], expected["backbone"]
  )
  for name in ("generator", "bad_generator"):
    before = jax.tree.leaves(game.stats[name])
    after = jax.tree.leaves(output.batch_stats[name])
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
  ("fields", "parts"),
  [
    ({"good": False}, {"bad_generator"}),
    ({"bad": False}, {"generator", "critic"}),
  ],
)
def test_a_half_has_only_its_players_and_their_terms(fields, parts, x64):
  half, whole = _game(**fields), _game()
  assert set(half.params) - {"backbone", "logits"} == parts
  _, output = half.loss(half.params)
  _, of_both = whole.loss(whole.params)
  shared = output.metrics.keys() - {"critic", "generator", "generated"}
  assert ("critic" in output.metrics) == half.method.players.good
  assert ("feature_matching" in output.metrics) == half.method.players.bad
  for name in ("cross_entropy", "ugan_entropy", "real"):
    if name in shared:
      np.testing.assert_allclose(output.metrics[name], of_both.metrics[name])
  assert parts < set(method_spec("ugan").players)


def test_no_generator_at_all_is_refused():
  config = base("ugan")
  config.method.good = config.method.bad = False
  with pytest.raises(ConfigError, match=r"good and method\.bad are both False"):
    validate(config)


def test_terms_count_from_their_epochs_on(x64):
  late = {"unlabelled_start_epoch": 3.0, "generated_start_epoch": 6.0}
  x, labels = _game().views.labelled, _game().views.labels

  def of_logits(game):
    gradient = jax.jit(jax.grad(game.loss, has_aux=True))
    return lambda epoch: gradient(game.params, epoch)[0]["logits"]

  def alone(params):
    game = _game()
    outputs, _ = game.encode(params, game.stats, (*x, *game.views.unlabelled))
    logs = jax.nn.log_softmax(outputs[0]["logits"])
    return -logs[jnp.arange(4), labels].mean()

  of_classifier = of_logits(_game(**late))
  expected = jax.grad(alone)(_game().params)["logits"]
  np.testing.assert_allclose(of_classifier(2.5), expected, rtol=1e-9)
  without = of_logits(_game(generated_weight=0.0))
  np.testing.assert_allclose(of_classifier(3.0), without(3.0))
  assert np.abs(of_classifier(6.0) - of_classifier(3.0)).max() > 1e-6


def test_samples_are_normalised_as_views_are(x64):
  config = _config()
  config.augment.mean, config.augment.std = (0.5,), (0.25,)
  plain, normalised = build(_config(), _CLASSES), build(config, _CLASSES)
  game = _game()
  arguments = game.params, game.stats, (8, *_SHAPE), game.key
  raw, classes, _ = plain.players.draw("generator", *arguments)
  made, same, _ = normalised.players.draw("generator", *arguments)
  assert (raw >= 0).all()
  assert (raw <= 1).all()
  np.testing.assert_allclose(made, (raw - 0.5) / 0.25)
  np.testing.assert_array_equal(same, classes)


def test_pictures_show_every_class_of_the_good_generator_and_the_bad_one(x64):
  game = _game()
  shown = game.method.pictures(
    game.params, game.stats, _SHAPE, jax.random.key(1)
  )
  assert list(shown) == [
    *(f"generator {i}" for i in (1, 2, 3)),
    *(f"bad generator {i}" for i in (1, 2, 3)),
  ]
  for images in shown.values():
    assert images.shape == (_CLASSES, *_SHAPE)
    assert ((images >= 0) & (images <= 1)).all()
  assert np.abs(shown["generator 1"] - shown["generator 2"]).max() > 0


_FIELDS = {"method.networks": "mlp", "method.width": 8, "method.noise": 4}


def test_a_bad_step_leaves_all_players():
  good = conformance.initial_state("ugan", **_FIELDS)
  players = {"generator", "critic", "bad_generator"}
  assert players < set(good.params)
  critic = jax.tree.map(
    lambda leaf: jnp.full_like(leaf, jnp.nan), good.params["critic"]
  )
  bad = good.replace(params={**good.params, "critic": critic})
  before = conformance.on_host(bad)
  after, (metrics,) = conformance.train(
    "ugan", conformance.placed("ugan", bad, **_FIELDS), range(1), **_FIELDS
  )
  assert metrics["skipped"] == 1
  for part in ("params", "batch_stats", "opt_state"):
    jax.tree.map(
      np.testing.assert_array_equal, getattr(after, part), getattr(before, part)
    )


def test_a_critic_that_has_won_is_named(caplog):
  config, _ = tiny.settings(method="ugan")
  watch = Watch(method_spec("ugan").symptoms(config, 3), 10)
  with caplog.at_level(logging.WARNING):
    for step in range(1, 6):
      watch.see(step, {"critic": 0.001, "prediction_entropy": 1.0})
  assert "--config.optim.parts.critic.peak_lr" in caplog.text


def test_the_label_of_a_prediction_is_a_constant(x64):
  """Only its probability carries a gradient from the critic to the logits."""
  rows, score = jnp.asarray(_draw(6, 3)), jnp.asarray(_draw(6, seed=4))

  def held(logits):
    p = jax.nn.softmax(logits)
    best = stop_gradient(jnp.argmax(p, axis=1))
    return 0.5 * (p[jnp.arange(6), best] * jax.nn.softplus(-score)).mean()

  np.testing.assert_allclose(
    jax.grad(lambda x: terms.deceived(x, score))(rows), jax.grad(held)(rows)
  )
