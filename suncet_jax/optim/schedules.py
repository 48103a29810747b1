"""Courses of the learning rate."""

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from suncet_jax.calls import explained


@explained("optim")
def warmup_cosine(
  *,
  start: float,
  peak: float,
  final: float,
  warmup_steps: int,
  total_steps: int,
  includes_peak: bool = False,
) -> optax.Schedule:
  """Returns a linear warm-up, then a cosine to `final` at `total_steps`.

  The cosine ends where training ends. (Upstream subtracts the warm-up twice, so
  that its rate rises again in the last epochs.)

  Args:
    start: Rate at step 0; not used without warm-up.
    peak: Rate at `warmup_steps`.
    final: Rate at `total_steps`, one after the last step.
    warmup_steps: Number of steps of the linear part; may be 0.
    total_steps: Number of steps of the whole training.
    includes_peak: Whether the last step of the warm-up has the peak, too.

  Returns:
    Function from step to learning rate.
  """
  cosine = optax.cosine_decay_schedule(
    peak, max(1, total_steps - warmup_steps), alpha=final / peak
  )
  return _warmed_up(cosine, start, peak, warmup_steps, includes_peak)


@explained("optim")
def cosine_7_16(
  *,
  start: float,
  peak: float,
  warmup_steps: int,
  total_steps: int,
  includes_peak: bool = False,
) -> optax.Schedule:
  r"""Returns a warm-up, then :math:`peak \cos(7 \pi t / (16 T))`.

  T is the number of steps after the warm-up. Source: FixMatch (arXiv
  2001.07685), section 2.4, which has no warm-up.

  Args:
    start: Rate at step 0; not used without warm-up.
    peak: Rate at `warmup_steps`.
    warmup_steps: Number of steps of the linear part; may be 0.
    total_steps: Number of steps of the whole training.
    includes_peak: Whether the last step of the warm-up has the peak, too.

  Returns:
    Function from step to learning rate.
  """
  turn = 7 / 16 * jnp.pi / max(1, total_steps - warmup_steps)

  def cosine(step: jax.typing.ArrayLike) -> jax.Array:
    return peak * jnp.cos(turn * jnp.asarray(step, jnp.float32))

  return _warmed_up(cosine, start, peak, warmup_steps, includes_peak)


def _warmed_up(
  after: optax.Schedule,
  start: float,
  peak: float,
  steps: int,
  includes_peak: bool,
) -> optax.Schedule:
  if not steps:
    return after
  linear = optax.linear_schedule(start, peak, steps - includes_peak)
  return optax.join_schedules([linear, after], [steps])


def schedule_of(
  optim: ConfigDict, epochs: int, steps_per_epoch: int
) -> optax.Schedule:
  """Returns the schedule that settings describe.

  Args:
    optim: Settings, such as `config.optim`.
    epochs: Number of epochs of the training.
    steps_per_epoch: Number of steps for one pass over the unlabelled pool.
  """
  shared = {
    "start": optim.start_lr,
    "peak": optim.peak_lr,
    "warmup_steps": round(optim.warmup_epochs * steps_per_epoch),
    "total_steps": epochs * steps_per_epoch,
    "includes_peak": optim.warmup_includes_peak,
  }
  if optim.schedule == "cosine_7_16":
    return cosine_7_16(**shared)
  return warmup_cosine(final=optim.final_lr, **shared)
