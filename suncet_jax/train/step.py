"""Training step: a pure function, jitted once per batch spec."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from suncet_jax import lora
from suncet_jax.data.stream import Batch
from suncet_jax.data.transform import Transform
from suncet_jax.devices.mesh import replicated
from suncet_jax.methods.base import (
  BatchSpec,
  Encode,
  Method,
  Moment,
  StepOutput,
  Views,
)
from suncet_jax.optim import held
from suncet_jax.rng import RngStream
from suncet_jax.train.state import TrainState

Metrics = dict[str, jax.Array]
# (state, batch, batch spec, seed) -> (new state, metrics)
StepFn = Callable[
  [TrainState, Batch, BatchSpec, int], tuple[TrainState, Metrics]
]


def make_step(
  method: Method,
  encode: Encode,
  optimizer: optax.GradientTransformation,
  schedule: optax.Schedule,
  mesh: jax.sharding.Mesh,
  *,
  max_skipped_in_a_row: int,
  steps_per_epoch: int = 1,
  ema_decay: float = 0.0,
  frozen_blocks: int = 0,
) -> StepFn:
  """Builds the jitted step (state, batch, spec, seed) -> (state, metrics).

  The state is donated. A step whose loss, gradient or new state is not finite
  changes only `step` and the two counters of the state. After
  `max_skipped_in_a_row` such steps nothing is updated any more, so that the
  host, which checks only now and then, finds the last good state.

  Args:
    method: Method whose loss to optimize.
    encode: Encoder of many views.
    optimizer: Transformation of gradients into updates.
    schedule: Learning rate of the optimizer, for the log.
    mesh: Mesh of devices; the new state is replicated on it.
    max_skipped_in_a_row: Number of skipped steps after which updates end.
    steps_per_epoch: Number of steps per epoch, for methods that depend on it.
    ema_decay: Decay of the averaged weights, if the state has them.
    frozen_blocks: Number of first blocks of the backbone without a gradient;
      see `optim.rate_factors`.

  Returns:
    The step; metrics are float32 scalars.
  """
  # The seed is an argument so that runs with several seeds share a program.
  sharding = replicated(mesh)

  def loss_of(params: Any, *arguments: Any) -> tuple[jax.Array, StepOutput]:
    # Products for a gradient that nobody uses are then not computed.
    if frozen_blocks or lora.PART in params:
      params = held(params, frozen_blocks)
    return method.loss(params, *arguments)

  @functools.partial(
    jax.jit,
    static_argnums=2,
    donate_argnums=0,
    out_shardings=(sharding, sharding),
  )
  def step(
    state: TrainState, batch: Batch, spec: BatchSpec, seed: jax.Array
  ) -> tuple[TrainState, Metrics]:
    views = make_views(batch, spec, state.step, seed)
    moment = _moment(state.step, steps_per_epoch, seed)
    (loss, output), gradient = jax.value_and_grad(loss_of, has_aux=True)(
      state.params,
      state.batch_stats,
      state.method_state,
      views,
      encode,
      moment,
    )
    gradient_norm = optax.tree.norm(gradient)
    is_good = (
      jnp.isfinite(loss)
      & jnp.isfinite(gradient_norm)
      & (state.skipped_in_a_row < max_skipped_in_a_row)
    )
    new = _advance(
      state, gradient, output, method, optimizer, moment, is_good, ema_decay
    )
    metrics = {
      "loss": loss,
      **output.metrics,
      "gradient_norm": gradient_norm,
      "parameter_norm": optax.tree.norm(new.params),
      # The optimizer's own counter stands still at skipped steps.
      "learning_rate": jnp.asarray(schedule(state.step - state.skipped)),
      "skipped": new.skipped,
      "skipped_in_a_row": new.skipped_in_a_row,
    }
    return new, jax.tree.map(lambda x: x.astype(jnp.float32), metrics)

  return step


def make_views(
  batch: Batch,
  spec: BatchSpec,
  step: jax.Array,
  seed: int | jax.Array,
) -> Views:
  """Augments the images of a batch into the views of a batch spec.

  Every random number depends on (seed, step, stream, view, position) only.

  Args:
    batch: Images and labels from the stream.
    spec: Batch spec with the views to make.
    step: Number of steps taken, int32 scalar.
    seed: Seed of the run, an integer scalar.

  Returns:
    The views.
  """
  key = jax.random.fold_in(jax.random.key(seed), step)

  def views(
    images: tuple[Any, ...],
    kinds: tuple[Transform, ...],
    rng_stream: RngStream,
  ) -> tuple[Any, ...]:
    if not images:
      return ()
    count = jax.tree.leaves(images)[0].shape[0]
    made = []
    for number, view in enumerate(kinds):
      view_key = jax.random.fold_in(jax.random.fold_in(key, rng_stream), number)
      keys = jax.vmap(jax.random.fold_in, (None, 0))(
        view_key, jnp.arange(count)
      )
      # The stream gives one image for all views, or one crop for each.
      made.append(view.view(images[number % len(images)], keys))
    return tuple(made)

  return Views(
    views(batch.unlabelled, spec.unlabelled, RngStream.UNLABELLED_VIEW),
    views(batch.labelled, spec.labelled, RngStream.LABELLED_VIEW),
    batch.labels,
  )


def _moment(
  step: jax.Array, steps_per_epoch: int, seed: int | jax.Array
) -> Moment:
  key = jax.random.fold_in(jax.random.key(seed), step)
  return Moment(
    step=step,
    epoch=step.astype(jnp.float32) / steps_per_epoch,
    key=jax.random.fold_in(key, RngStream.METHOD),
  )


def _is_finite(tree: Any) -> jax.Array:
  """Returns whether every floating-point number of a pytree is finite."""
  finite = [
    jnp.isfinite(leaf).all()
    for leaf in jax.tree.leaves(tree)
    if jnp.issubdtype(leaf.dtype, jnp.floating)
  ]
  # Without the barrier XLA writes "a & b & c ..." for the reduction, computes
  # it again in every kernel that reads it, and compiles for half as long again.
  return jax.lax.optimization_barrier(jnp.stack(finite)).all()


def _advance(
  state: TrainState,
  gradient: Any,
  output: StepOutput,
  method: Method,
  optimizer: optax.GradientTransformation,
  moment: Moment,
  is_good: jax.Array,
  ema_decay: float,
) -> TrainState:
  """Returns the next state: updated if `is_good`, else as it was."""
  updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
  params, method_state = method.update(
    optax.apply_updates(state.params, updates),
    state.method_state,
    output.aux,
    moment,
  )
  new = (
    params,
    output.batch_stats,
    opt_state,
    method_state,
    _averaged(state, (params, output.batch_stats), ema_decay),
  )
  old = (
    state.params,
    state.batch_stats,
    state.opt_state,
    state.method_state,
    state.average,
  )
  # A finite gradient can still lead to a state that is not.
  is_good &= _is_finite(new)
  params, batch_stats, opt_state, method_state, average = jax.tree.map(
    lambda a, b: jnp.where(is_good, a, b), new, old
  )
  return TrainState(
    step=state.step + 1,
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
    method_state=method_state,
    average=average,
    skipped=state.skipped + ~is_good,
    skipped_in_a_row=jnp.where(is_good, 0, state.skipped_in_a_row + 1),
  )


def _averaged(state: TrainState, weights: Any, decay: float) -> Any:
  """Moves the averages towards new weights; () where there are none.

  Early on the decay is (1 + t) / (10 + t) after t steps, as in TensorFlow's
  ExponentialMovingAverage.
  """
  # A constant decay would remember the random initial weights for too long.
  if not state.average:
    return ()
  taken = (state.step - state.skipped).astype(jnp.float32)
  decay_now = jnp.minimum(decay, (1 + taken) / (10 + taken))
  return optax.incremental_update(weights, state.average, 1 - decay_now)
