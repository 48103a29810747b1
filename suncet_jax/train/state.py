"""State of a training run."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from suncet_jax import lora
from suncet_jax.methods.base import Method
from suncet_jax.models import Example, Model
from suncet_jax.rng import RngStream


@struct.dataclass
class TrainState:
  """State that a step changes; with the seed it determines all later steps.

  Attributes:
    step: Number of steps taken, int32.
    params: Parameters of backbone, heads and the method's other networks, and
      adapters if there are any.
    batch_stats: Running statistics of batch norm.
    opt_state: State of the optimizer.
    method_state: State of the method, e.g. a momentum encoder; () if none.
    average: Average of (params, batch_stats) over the steps; () if none.
    skipped: Number of steps skipped because they were not finite, int32.
    skipped_in_a_row: Number of skipped steps since the last good one, int32.
  """

  step: jax.Array
  params: Any
  batch_stats: Any
  opt_state: Any
  method_state: Any
  average: Any
  skipped: jax.Array
  skipped_in_a_row: jax.Array

  @property
  def evaluated(self) -> tuple[Any, Any]:
    """(params, batch_stats) to evaluate: the average, if there is one."""
    return self.average or (self.params, self.batch_stats)

  @property
  def encoder(self) -> tuple[Any, Any]:
    """The same with adapters added to the backbone, as models take them."""
    params, batch_stats = self.evaluated
    return lora.whole(params), batch_stats


def init_state(
  key: jax.Array,
  model: Model,
  method: Method,
  optimizer: optax.GradientTransformation,
  image_shape: Example,
  *,
  is_averaged: bool = False,
  given: tuple[Any, Any] = ({}, {}),
  lora_rank: int = 0,
  lora_alpha: float = 1.0,
) -> TrainState:
  """Returns the state before the first step; may be jitted.

  Args:
    key: Typed PRNG key.
    model: Model of the encoder.
    method: Method; has networks of its own, makes `method_state` and may
      constrain parameters.
    optimizer: Optimizer; makes `opt_state`.
    image_shape: Shape of the views, (h, w, c); a tree for clips.
    is_averaged: Whether to keep an average of the weights.
    given: (params, batch_stats) of the parts that are not drawn, by part.
    lora_rank: Rank of adapters of the backbone; 0: none.
    lora_alpha: Number whose quotient with the rank scales them.

  Returns:
    The state.
  """
  params, batch_stats = model.init(key, image_shape)
  given_params, given_stats = jax.tree.map(jnp.copy, given)
  own_params, own_stats = _players(key, method, image_shape)
  params = {**params, **given_params, **own_params}
  batch_stats = {**batch_stats, **given_stats, **own_stats}
  if lora_rank:
    params[lora.PART] = lora.adapters(
      params["backbone"],
      rank=lora_rank,
      alpha=lora_alpha,
      key=jax.random.fold_in(key, RngStream.ADAPTERS),
    )
  params, method_state = method.init(params, batch_stats)
  # Every leaf is an array of its own: a donated buffer must not occur twice.
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=batch_stats,
    opt_state=optimizer.init(params),
    method_state=method_state,
    average=jax.tree.map(jnp.copy, (params, batch_stats))
    if is_averaged
    else (),
    skipped=jnp.zeros((), jnp.int32),
    skipped_in_a_row=jnp.zeros((), jnp.int32),
  )


def _players(
  key: jax.Array, method: Method, image_shape: Example
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Draws the networks beside the encoder; returns (params, batch_stats)."""
  params, batch_stats = {}, {}
  stream = jax.random.fold_in(key, RngStream.PLAYERS)
  for i, (name, player) in enumerate(method.networks(image_shape).items()):
    params[name], batch_stats[name] = player.network.init(
      jax.random.fold_in(stream, i), *player.shapes
    )
  return params, batch_stats
