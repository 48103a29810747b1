"""The "ours" columns of losses: `suncet_jax.losses`."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from loss_jax import Loss, LossJob
from loss_rows import Row
from rows import TEMPERATURE
from workers import Job

from suncet_jax import losses
from suncet_jax.devices.host import keep_freed_memory

FORMS: dict[str, dict[str, Any]] = {
  "fp32": {},
  "bf16": {"matmul_dtype": jnp.bfloat16},
  "materialised": {"block_size": 0},
}


def make(loss: str, form: str, n: int, d: int) -> Job:
  """Returns the job.

  Args:
    loss: "ntxent", "suncet" or "supcon".
    form: key of `FORMS`.
    n: rows.
    d: of each row.
  """
  keep_freed_memory()
  row = Row(n, d)
  return LossJob(function(loss, form, row), row.embeddings())


def make_both(n: int, d: int) -> Job:
  """Returns the job of NT-Xent and SuNCEt, one after the other."""
  jobs = [make(loss, "fp32", n, d) for loss in ("ntxent", "suncet")]

  def job(steps: int) -> None:
    for _ in range(steps):
      for each in jobs:
        each(1)

  return job


def function(loss: str, form: str, row: Row) -> Loss:
  """Returns the loss as a function of embeddings [n, d] alone."""
  options = {"temperature": TEMPERATURE, **FORMS[form]}
  if loss == "ntxent":
    return functools.partial(_ntxent, options)
  labels = jnp.asarray(row.classes())
  labelled = losses.suncet if loss == "suncet" else losses.supcon

  def of_embeddings(embeddings: jax.Array) -> jax.Array:
    # As if they were an argument: nothing to compute with at compile time.
    hidden = jax.lax.optimization_barrier(labels)
    return labelled(embeddings, hidden, **options)

  return of_embeddings


def _ntxent(options: dict[str, Any], embeddings: jax.Array) -> jax.Array:
  first, second = jnp.split(embeddings, 2)
  return losses.ntxent(first, second, **options)
