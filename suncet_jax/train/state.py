"""State of a training run."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from suncet_jax.methods.base import Method
from suncet_jax.models import Example, Model


@struct.dataclass
class TrainState:
  """State that a step changes; with the seed it determines all later steps.

  Attributes:
    step: Number of steps taken, int32.
    params: Parameters of backbone and heads.
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
  def encoder(self) -> tuple[Any, Any]:
    """(params, batch_stats) to evaluate: the average, if there is one."""
    return self.average or (self.params, self.batch_stats)


def init_state(
  key: jax.Array,
  model: Model,
  method: Method,
  optimizer: optax.GradientTransformation,
  image_shape: Example,
  *,
  is_averaged: bool = False,
  given: tuple[Any, Any] = ({}, {}),
) -> TrainState:
  """Returns the state before the first step; may be jitted.

  Args:
    key: Typed PRNG key.
    model: Model of the encoder.
    method: Method; makes `method_state` and may constrain parameters.
    optimizer: Optimizer; makes `opt_state`.
    image_shape: Shape of the views, (h, w, c); a tree for clips.
    is_averaged: Whether to keep an average of the weights.
    given: (params, batch_stats) of the parts that are not drawn, by part.

  Returns:
    The state.
  """
  drawn, batch_stats = model.init(key, image_shape)
  given_params, given_stats = jax.tree.map(jnp.copy, given)
  batch_stats = {**batch_stats, **given_stats}
  params, method_state = method.init({**drawn, **given_params}, batch_stats)
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
