"""The training step that both JAX columns share: value, gradient, SGD."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import optax
from rows import LEARNING_RATE, MOMENTUM, Row
from workers import Job

# (params, batch_stats, images) -> (loss, new batch_stats)
Loss = Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]


def make_job(row: Row, loss: Loss, params: Any, batch_stats: Any) -> Job:
  """Returns the job of whole training steps on the row's images.

  Args:
    row: gives the images.
    loss: forward pass in training mode and loss.
    params: at the start.
    batch_stats: at the start.
  """
  optimizer = optax.sgd(LEARNING_RATE, momentum=MOMENTUM)
  images = jax.device_put(row.images())

  @functools.partial(jax.jit, donate_argnums=0)
  def step(state: Any, images: jax.Array) -> tuple[Any, jax.Array]:
    params, batch_stats, opt_state = state
    (value, batch_stats), gradient = jax.value_and_grad(loss, has_aux=True)(
      params, batch_stats, images
    )
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    params = optax.apply_updates(params, updates)
    return (params, batch_stats, opt_state), value

  state = (params, batch_stats, optimizer.init(params))

  def job(steps: int) -> None:
    nonlocal state
    for _ in range(steps):
      state, _ = step(state, images)
    jax.block_until_ready(state)

  return job
