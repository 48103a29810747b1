"""The "plain Flax" columns: what one would write without this package."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax_models import Encoder
from jax_step import make_job
from rows import ROWS, TEMPERATURE
from workers import Job

from suncet_jax.architectures import MODEL_NAMES, STEMS


def make(row: str, dtype: str) -> Job:
  """Returns the job.

  Args:
    row: key of `ROWS`.
    dtype: of the computation, "float32" or "bfloat16".
  """
  shape = ROWS[row]
  images = jnp.zeros((1, shape.size, shape.size, shape.channels))
  encoder = Encoder(
    MODEL_NAMES[shape.model],
    STEMS[shape.stem],
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
    return ntxent(projections), updates["batch_stats"]

  return make_job(shape, loss, variables["params"], variables["batch_stats"])


def ntxent(projections: jax.Array) -> jax.Array:
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
