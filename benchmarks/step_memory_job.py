"""The job of `step_memory.py`: SimCLR steps with options of `config.train`."""

from typing import Any

import jax
import jax.numpy as jnp
from rows import LEARNING_RATE, ROWS, TEMPERATURE

from suncet_jax import losses, methods, models
from suncet_jax.config import base
from suncet_jax.devices.host import keep_freed_memory


class Steps:
  """Training steps on the images of a row; a `workers.Job` with facts."""

  def __init__(
    self, row: str, precision: str, remat: bool, micro_batches: int
  ) -> None:
    """Compiles the step."""
    shape = ROWS[row]
    config = base().model
    config.name, config.stem = shape.model, shape.stem
    model = models.build(config, precision, remat=remat)
    self._encode = methods.make_encode(model, 1, micro_batches=micro_batches)
    self._params, self._batch_stats = model.init(
      jax.random.key(0), (shape.size, shape.size, shape.channels)
    )
    self._views = jnp.split(jax.device_put(shape.images()), 2)
    self._step = (
      jax.jit(self._update).lower(self._params, self._views).compile()
    )

  def __call__(self, steps: int) -> None:
    """Takes steps of plain gradient descent."""
    for _ in range(steps):
      self._params = self._step(self._params, self._views)
    jax.block_until_ready(self._params)

  def facts(self) -> dict[str, Any]:
    """Returns bytes kept for the gradient, and of temporaries."""
    # The function that `jax.vjp` returns is a pytree of what it remembers.
    _, kept = jax.eval_shape(
      lambda params: jax.vjp(lambda p: self._loss(p, self._views), params),
      self._params,
    )
    memory = self._step.memory_analysis()
    assert memory is not None  # XLA has it on every platform
    return {
      "kept": _bytes(kept) - _bytes(self._params) - _bytes(self._views),
      "temporaries": memory.temp_size_in_bytes,
    }

  def _update(self, params: Any, views: list[jax.Array]) -> Any:
    gradient = jax.grad(self._loss)(params, views)
    return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, params, gradient)

  def _loss(self, params: Any, views: list[jax.Array]) -> jax.Array:
    outputs, _ = self._encode(params, self._batch_stats, views)
    first, second = (out.projection for out in outputs)
    return losses.ntxent(first, second, temperature=TEMPERATURE)


def make(
  row: str,
  precision: str = "float32",
  remat: bool = False,
  micro_batches: int = 1,
) -> Steps:
  """Returns the job.

  Args:
    row: key of `ROWS`.
    precision: as `config.precision`.
    remat: as `config.train.remat`.
    micro_batches: as `config.train.micro_batches`.
  """
  keep_freed_memory()
  return Steps(row, precision, remat, micro_batches)


def _bytes(tree: Any) -> int:
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))
