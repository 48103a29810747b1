"""JAX columns of the losses: `suncet_jax.losses`, and optax's NT-Xent."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness.workers import Job
from benchmarks.losses.columns import Embeddings
from benchmarks.step.rows import TEMPERATURE
from suncet_jax import losses
from suncet_jax.devices.host import keep_freed_memory

Loss = Callable[[jax.Array], jax.Array]

FORMS: dict[str, dict[str, Any]] = {
  "fp32": {},
  "bf16": {"matmul_dtype": jnp.bfloat16},
  "materialised": {"block_size": 0},
}


def make_ours(loss: str, form: str, n: int, d: int) -> Job:
  """Returns the job of one of our losses.

  Args:
    loss: "ntxent", "suncet" or "supcon".
    form: Key of `FORMS`.
    n: Number of embeddings.
    d: Size of an embedding.
  """
  keep_freed_memory()
  row = Embeddings(n, d)
  return _LossJob(our_loss(loss, form, row), row.values())


def make_both(n: int, d: int) -> Job:
  """Returns the job of NT-Xent and SuNCEt, one after the other."""
  jobs = [make_ours(loss, "fp32", n, d) for loss in ("ntxent", "suncet")]

  def job(steps: int) -> None:
    for _ in range(steps):
      for each in jobs:
        each(1)

  return job


def make_optax(n: int, d: int) -> Job:
  """Returns the job of optax's NT-Xent.

  Args:
    n: Number of embeddings.
    d: Size of an embedding.
  """
  row = Embeddings(n, d)
  return _LossJob(optax_ntxent(row), row.values())


def our_loss(loss: str, form: str, row: Embeddings) -> Loss:
  """Returns one of our losses as a function of embeddings [n, d] alone."""
  options = {"temperature": TEMPERATURE, **FORMS[form]}
  if loss == "ntxent":
    return functools.partial(_ntxent, options)
  labels = jnp.asarray(row.classes())
  labelled = losses.suncet if loss == "suncet" else losses.supcon

  def of_embeddings(embeddings: jax.Array) -> jax.Array:
    # Hides the constants from the compiler, which would compute with them.
    hidden = jax.lax.optimization_barrier(labels)
    return labelled(embeddings, hidden, **options)

  return of_embeddings


def optax_ntxent(row: Embeddings) -> Loss:
  """Returns optax's NT-Xent as a function of embeddings [n, d] alone."""
  import optax  # here: its memory must not be counted as ours

  images = jnp.asarray(row.images())
  return lambda embeddings: optax.losses.ntxent(
    embeddings, images, temperature=TEMPERATURE
  )


class _LossJob:
  """A loss and its gradient with respect to the embeddings, step by step."""

  def __init__(self, loss: Loss, embeddings: np.ndarray) -> None:
    self._embeddings = jax.device_put(embeddings)
    step = jax.jit(jax.value_and_grad(loss))
    # Ahead of time, since only a compiled program knows its memory.
    self._step = step.lower(self._embeddings).compile()

  def __call__(self, steps: int) -> None:
    """Takes steps, each to its end."""
    for _ in range(steps):
      jax.block_until_ready(self._step(self._embeddings))

  def facts(self) -> dict[str, Any]:
    """Returns the memory that a step needs besides embeddings and results."""
    memory = self._step.memory_analysis()
    assert memory is not None  # XLA has it on every platform
    return {"temporary_bytes": memory.temp_size_in_bytes}


def _ntxent(options: dict[str, Any], embeddings: jax.Array) -> jax.Array:
  first, second = jnp.split(embeddings, 2)
  return losses.ntxent(first, second, **options)
