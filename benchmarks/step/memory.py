"""Memory and time of a training step with the options that trade them.

    python -m benchmarks.step.memory [--row=resnet18] [--repeats=5]

A SimCLR step of one of the networks of `benchmarks.step`, as the configuration
makes it: at once, with `train.remat`, with `train.micro_batches`, in bfloat16.
"Kept" is what the forward pass keeps for the gradient besides parameters and
images, "temporaries" what the compiled program allocates besides its arguments.
XLA's CPU compiler merges the computations that remat repeats: there only "kept"
shows what remat saves. Times are taken in turn (see `harness.workers`).
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.harness import command, machine
from benchmarks.harness.columns import Column, Turns, measure
from benchmarks.step.rows import LEARNING_RATE, ROWS, TEMPERATURE
from suncet_jax import losses, models
from suncet_jax.config import base
from suncet_jax.devices.host import keep_freed_memory
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.methods.encode import ViewEncoder

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
  "at once": {},
  "remat": {"remat": True},
  "4 micro-batches": {"micro_batches": 4},
  "16 micro-batches": {"micro_batches": 16},
  "bfloat16": {"precision": "bfloat16"},
}


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  parser = command.parser(__doc__, repeats=5)
  parser.add_argument("--row", choices=ROWS, default="resnet18")
  parser.add_argument(
    "--options", type=command.names(_OPTIONS), default=list(_OPTIONS)
  )
  options = parser.parse_args(arguments)
  columns = {
    name: Column(name, "benchmarks.step.memory:make", _OPTIONS[name])
    for name in options.options
  }
  turns = measure(columns, options.repeats, steps=1, row=options.row)
  parts = (
    machine.header(has_torch=False),
    f"{ROWS[options.row].title} views of half as many images; medians of "
    f"{options.repeats} turns, the fastest in brackets.",
    _table(turns),
    "\n".join(f"- {name}: {why}" for name, why in turns.failures.items()),
  )
  command.publish(parts, options.out)


def _table(turns: Turns) -> str:
  rows = (
    [
      name,
      f"{turns.facts[name]['kept'] / 1e6:,.1f}",
      f"{turns.facts[name]['temporaries'] / 1e6:,.1f}",
      command.milliseconds(seconds),
    ]
    for name, seconds in turns.seconds.items()
  )
  return command.table(["", "kept, MB", "temporaries, MB", "ms per step"], rows)


class Steps:
  """Training steps on the images of a row; a `workers.Job` with facts."""

  def __init__(
    self, row: str, precision: str, remat: bool, micro_batches: int
  ) -> None:
    """Compiles the step."""
    workload = ROWS[row]
    config = base().model
    config.name, config.stem = workload.model, workload.stem
    model = models.build(config, precision, remat=remat)
    self._encode = ViewEncoder(model, make_mesh(), micro_batches=micro_batches)
    self._params, self._batch_stats = model.init(
      jax.random.key(0), (workload.size, workload.size, workload.channels)
    )
    self._views = jnp.split(jax.device_put(workload.images()), 2)
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
    first, second = (out["projection"] for out in outputs)
    return losses.ntxent(first, second, temperature=TEMPERATURE)


def make(
  row: str,
  precision: str = "float32",
  remat: bool = False,
  micro_batches: int = 1,
) -> Steps:
  """Returns the job.

  Args:
    row: Key of `ROWS`.
    precision: Value of `config.precision`.
    remat: Value of `config.train.remat`.
    micro_batches: Value of `config.train.micro_batches`.
  """
  keep_freed_memory()
  return Steps(row, precision, remat, micro_batches)


def _bytes(tree: Any) -> int:
  return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


if __name__ == "__main__":
  main(sys.argv[1:])
