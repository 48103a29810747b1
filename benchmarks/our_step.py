"""The "ours" columns: `suncet_jax.models` and `suncet_jax.losses`."""

from typing import Any

import jax
import jax.numpy as jnp
from jax_step import make_job
from rows import ROWS, TEMPERATURE
from workers import Job

from suncet_jax import losses, models
from suncet_jax.config import base
from suncet_jax.devices.host import keep_freed_memory


def make(row: str, dtype: str) -> Job:
  """Returns the job.

  Args:
    row: key of `ROWS`.
    dtype: of the computation, "float32" or "bfloat16".
  """
  keep_freed_memory()
  shape = ROWS[row]
  config = base().model
  config.name, config.stem = shape.model, shape.stem
  model = models.build(config, dtype)
  params, batch_stats = model.init(
    jax.random.key(0), (shape.size, shape.size, shape.channels)
  )

  def loss(
    params: Any, batch_stats: Any, images: jax.Array
  ) -> tuple[jax.Array, Any]:
    outputs, batch_stats = model.apply(params, batch_stats, images, train=True)
    first, second = jnp.split(outputs.projection, 2)
    return losses.ntxent(first, second, temperature=TEMPERATURE), batch_stats

  return make_job(shape, loss, params, batch_stats)
