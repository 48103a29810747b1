"""The fashion_mnist job with this package: its stream and its step."""

import fashion_data
import jax
from workers import Job

from suncet_jax.devices.host import keep_freed_memory

_ENDLESS = 1_000_000  # steps, more than anyone measures


def make() -> Job:
  """Returns the job of steps that include their input."""
  keep_freed_memory()
  experiment = fashion_data.experiment()
  step, state = experiment.step_fn(), experiment.initial_state()
  plan = experiment.method.plan(0)
  batches = experiment.stream.batches(
    range(_ENDLESS), plan.unlabelled, plan.labelled
  )

  def job(steps: int) -> None:
    nonlocal state
    for _ in range(steps):
      state, _ = step(state, next(batches), plan, experiment.config.seed)
    jax.block_until_ready(state)

  return job
