"""The state of a training run."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct

from suncet_jax.methods import Method
from suncet_jax.models import Model


@struct.dataclass
class TrainState:
  """All that a step changes; with the seed it decides everything after it.

  Attributes:
    step: int32, steps taken.
    params: Parameters of backbone and head.
    batch_stats: Running statistics of batch norm.
    opt_state: Of the optimizer.
    method_state: Of the method, e.g. a momentum encoder.
    average: (params, batch_stats) averaged over the steps; () if they are not.
    skipped: int32, steps that were not finite and changed nothing.
    skipped_in_a_row: int32, how many of them came last.
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
    """What is evaluated: averaged (params, batch_stats), if there are any."""
    return self.average or (self.params, self.batch_stats)


def init_state(
  key: jax.Array,
  model: Model,
  method: Method,
  optimizer: optax.GradientTransformation,
  image_shape: tuple[int, int, int],
  *,
  is_averaged: bool = False,
) -> TrainState:
  """Returns the state before the first step; may be jitted.

  Args:
    key: A typed PRNG key.
    model: The encoder.
    method: Gives `method_state`.
    optimizer: Gives `opt_state`.
    image_shape: (h, w, c) of the views.
    is_averaged: Whether to keep an average of the weights.

  Returns:
    The state.
  """
  params, batch_stats = model.init(key, image_shape)
  # One array each: a donated buffer must not be given twice.
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=batch_stats,
    opt_state=optimizer.init(params),
    method_state=method.init(params, batch_stats),
    average=jax.tree.map(jnp.copy, (params, batch_stats))
    if is_averaged
    else (),
    skipped=jnp.zeros((), jnp.int32),
    skipped_in_a_row=jnp.zeros((), jnp.int32),
  )
