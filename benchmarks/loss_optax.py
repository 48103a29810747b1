"""The column of optax: its NT-Xent."""

import jax.numpy as jnp
import optax
from loss_jax import Loss, LossJob
from loss_rows import Row
from rows import TEMPERATURE
from workers import Job


def make(n: int, d: int) -> Job:
  """Returns the job.

  Args:
    n: rows.
    d: of each row.
  """
  row = Row(n, d)
  return LossJob(function(row), row.embeddings())


def function(row: Row) -> Loss:
  """Returns the loss as a function of embeddings [n, d] alone."""
  images = jnp.asarray(row.images())
  return lambda embeddings: optax.losses.ntxent(
    embeddings, images, temperature=TEMPERATURE
  )
