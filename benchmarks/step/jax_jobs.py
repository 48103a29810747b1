"""JAX columns of the training step: this package, and plain Flax.

Both share value, gradient and SGD, and differ in network and loss.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from benchmarks.harness.workers import Job
from benchmarks.step.flax_models import ARCHITECTURES, Encoder
from benchmarks.step.rows import (
  LEARNING_RATE,
  MOMENTUM,
  ROWS,
  TEMPERATURE,
  Workload,
)
from suncet_jax import losses, models
from suncet_jax.architectures import STEMS
from suncet_jax.config import base
from suncet_jax.devices.host import keep_freed_memory

# (params, batch_stats, images) -> (loss, new batch_stats)
Loss = Callable[[Any, Any, jax.Array], tuple[jax.Array, Any]]


def make_ours(row: str, dtype: str) -> Job:
  """Returns the job of `suncet_jax.models` and `suncet_jax.losses`.

  Args:
    row: Key of `ROWS`.
    dtype: Dtype of the computation, "float32" or "bfloat16".
  """
  keep_freed_memory()
  workload = ROWS[row]
  config = base().model
  config.name, config.stem = workload.model, workload.stem
  model = models.build(config, dtype)
  params, batch_stats = model.init(
    jax.random.key(0), (workload.size, workload.size, workload.channels)
  )

  def loss(
    params: Any, batch_stats: Any, images: jax.Array
  ) -> tuple[jax.Array, Any]:
    outputs, batch_stats = model.apply(params, batch_stats, images, train=True)
    first, second = jnp.split(outputs["projection"], 2)
    return losses.ntxent(first, second, temperature=TEMPERATURE), batch_stats

  return _make_job(workload, loss, params, batch_stats)


def make_flax(row: str, dtype: str) -> Job:
  """Returns the job in plain Flax, as written without this package.

  Args:
    row: Key of `ROWS`.
    dtype: Dtype of the computation, "float32" or "bfloat16".
  """
  workload = ROWS[row]
  images = jnp.zeros((1, workload.size, workload.size, workload.channels))
  encoder = Encoder(
    ARCHITECTURES[workload.model],
    STEMS[workload.stem],
    dtype=jnp.dtype(dtype),
  )
  init = jax.jit(encoder.init, static_argnames="train")
  variables = init(jax.random.key(0), images, train=False)

  def loss(
    params: Any, batch_stats: Any, images: jax.Array
  ) -> tuple[jax.Array, Any]:
    projections, updates = encoder.apply(
      {"params": params, "batch_stats": batch_stats},
      images,
      train=True,
      mutable=["batch_stats"],
    )
    return flax_ntxent(projections), updates.get("batch_stats", {})

  return _make_job(
    workload, loss, variables["params"], variables.get("batch_stats", {})
  )


def flax_ntxent(projections: jax.Array) -> jax.Array:
  """Returns NT-Xent of projections [2n, d], row n + i another view of row i."""
  count = projections.shape[0]
  norms = jnp.linalg.norm(projections, axis=1, keepdims=True)
  rows = projections / norms
  logits = rows @ rows.T / TEMPERATURE
  logits = jnp.where(jnp.eye(count, dtype=bool), -jnp.inf, logits)
  partners = jnp.roll(jnp.arange(count), count // 2)
  return optax.softmax_cross_entropy_with_integer_labels(
    logits, partners
  ).mean()


def _make_job(
  workload: Workload, loss: Loss, params: Any, batch_stats: Any
) -> Job:
  """Returns the job of whole training steps on the images of a row."""
  optimizer = optax.sgd(LEARNING_RATE, momentum=MOMENTUM)
  images = jax.device_put(workload.images())

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
