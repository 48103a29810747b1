"""What the JAX columns of losses share: value and gradient, compiled."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

Loss = Callable[[jax.Array], jax.Array]


class LossJob:
  """A loss and its gradient with respect to the embeddings, step by step."""

  def __init__(self, loss: Loss, embeddings: np.ndarray) -> None:
    self._embeddings = jax.device_put(embeddings)
    step = jax.jit(jax.value_and_grad(loss))
    # Ahead of time, because only what is compiled tells its memory.
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
