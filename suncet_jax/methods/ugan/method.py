"""UGAN: a classifier between a good and a bad generator, in one loss."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.lax import stop_gradient
from jax.scipy.special import entr
from ml_collections import ConfigDict

from suncet_jax.methods.base import (
  Encode,
  Method,
  Moment,
  Player,
  StepOutput,
  Views,
)
from suncet_jax.methods.supervised.method import classify
from suncet_jax.methods.ugan import terms
from suncet_jax.methods.ugan.players import Players

_Metrics = dict[str, jax.Array]


@dataclasses.dataclass(frozen=True)
class UGAN(Method):
  """A reconstruction of Li et al. 2019, arXiv 1910.08540.

  All players learn in each step, from one batch size; the originals take turns.

  Attributes:
    players: Generators and critic.
    weights: Factors of the terms, and the epochs from which they count:
      `config.method`.
  """

  players: Players
  weights: Mapping[str, float]

  def networks(self, image_shape: tuple[int, ...]) -> Mapping[str, Player]:
    """Returns generators and critic by name."""
    return self.players.networks(image_shape)

  def pictures(
    self,
    params: Any,
    batch_stats: Any,
    image_shape: tuple[int, ...],
    key: jax.Array,
  ) -> Mapping[str, jax.Array]:
    """Returns images of the generators; the good one's by class."""
    return self.players.pictures(params, batch_stats, image_shape, key)

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the sum of what each player minimises, the others constant."""
    del method_state
    (images,) = views.unlabelled
    # Norms keep the statistics of this pass: those over samples are dropped.
    outputs, stats = encode(params, batch_stats, (*views.labelled, images))
    *labelled, pool = outputs
    value, metrics = classify(labelled, views.labels, encode)
    games = [self._alone(pool, moment)]
    if self.players.good:
      games.append(self._good(params, stats, views, pool, encode, moment))
    if self.players.bad:
      games.append(self._bad(params, stats, pool, images, encode, moment))
    for term, found, moved in games:
      value, metrics, stats = value + term, metrics | found, stats | moved
    return value, StepOutput(stats, metrics)

  def _alone(
    self, pool: Any, moment: Moment
  ) -> tuple[jax.Array, _Metrics, Any]:
    """Returns the classifier's terms that need no other player."""
    entropy = terms.entropy(pool["logits"])
    value = self.weights["entropy_weight"] * entropy
    value += self.weights["balance_weight"] * terms.balance(pool["logits"])
    mean = jax.nn.softmax(stop_gradient(pool["logits"])).mean(axis=0)
    metrics = {"ugan_entropy": entropy, "prediction_entropy": entr(mean).sum()}
    return self._from("unlabelled", moment) * value, metrics, {}

  def _good(
    self,
    params: Any,
    stats: Any,
    views: Views,
    pool: Any,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, _Metrics, Any]:
    """Returns the terms of generator and critic, and the classifier's share."""
    (images,), players = views.unlabelled, self.players
    drawn, classes, moved = players.draw(
      "generator", params, stats, images.shape, moment.key
    )
    frozen, made = stop_gradient(params), stop_gradient(drawn)
    predicted = players.one_hot(jnp.argmax(pool["logits"], axis=-1))
    labels = players.one_hot(views.labels)
    # Half of the images stand for real ones with their predicted classes.
    of_pool = players.critic(params, images[::2], predicted[::2])
    real = [players.critic(params, rows, labels) for rows in views.labelled]
    real.append(players.critic(params, images[1::2], predicted[1::2]))
    critic = terms.critic(
      jnp.concatenate(real), players.critic(params, made, classes), of_pool
    )
    generator = terms.generator(players.critic(frozen, drawn, classes))
    deceived = terms.deceived(pool["logits"][::2], stop_gradient(of_pool))
    (seen,), _ = encode(params, stats, (made,))
    generated = -(classes * jax.nn.log_softmax(seen["logits"])).sum(-1).mean()
    value = critic + generator
    value += self._weight("critic", "unlabelled", moment) * deceived
    value += self._weight("generated", "generated", moment) * generated
    metrics = {
      "critic": critic,
      "generator": generator,
      "generated": generated,
    }
    return value, metrics, moved

  def _bad(
    self,
    params: Any,
    stats: Any,
    pool: Any,
    images: jax.Array,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, _Metrics, Any]:
    """Returns the terms of the bad generator, and real against fake."""
    drawn, _, moved = self.players.draw(
      "bad_generator", params, stats, images.shape, moment.key
    )
    (of_drawn,), _ = encode(stop_gradient(params), stats, (drawn,))
    matching = terms.feature_matching(
      of_drawn["features"], stop_gradient(pool["features"])
    )
    apart = terms.pull_away(of_drawn["features"])
    (seen,), _ = encode(params, stats, (stop_gradient(drawn),))
    real, fake = terms.real(pool["logits"]), terms.fake(seen["logits"])
    value = matching + self.weights["pull_away_weight"] * apart
    value += self._weight("real", "unlabelled", moment) * (real + fake)
    metrics = {
      "feature_matching": matching,
      "pull_away": apart,
      "real": real,
      "fake": fake,
    }
    return value, metrics, moved

  def _weight(self, term: str, start: str, moment: Moment) -> jax.Array:
    """Returns the factor of a term, 0 before the epoch of its start."""
    return self.weights[f"{term}_weight"] * self._from(start, moment)

  def _from(self, what: str, moment: Moment) -> jax.Array:
    """Returns 0 before the epoch from which terms count, then 1."""
    return (moment.epoch >= self.weights[f"{what}_start_epoch"]) * 1.0


def build(config: ConfigDict, class_count: int) -> UGAN:
  """Builds UGAN from `config.method`."""
  return UGAN(Players.from_config(config, class_count), config.method.to_dict())
