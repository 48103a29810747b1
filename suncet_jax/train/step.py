"""One training step: a pure function, jitted once per plan."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from suncet_jax.data.augment import Augmentation, augment
from suncet_jax.data.stream import Batch
from suncet_jax.devices.mesh import replicated
from suncet_jax.methods import BatchSpec, Encode, Method, StepOutput, Views
from suncet_jax.rng import RngStream
from suncet_jax.train.state import TrainState

Metrics = dict[str, jax.Array]
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
  are_cropped: bool = False,
  ema_decay: float = 0.0,
) -> StepFn:
  """Builds the jitted step (state, batch, plan, seed) -> (state, metrics).

  The state is donated. The seed, of the augmentation, is an argument so that
  runs of several seeds share a compiled program. A step whose loss, gradient
  or new state is not finite leaves every leaf of the state as it was, but for
  `step` and the two counters; after `max_skipped_in_a_row` such steps nothing
  is updated any more, so that the host, which looks only now and then, finds
  the last good state.

  Args:
    method: What to optimise.
    encode: The encoder of many views.
    optimizer: From gradients to updates.
    schedule: The optimiser's learning rate, for the log.
    mesh: The devices; the new state lies on all of them.
    max_skipped_in_a_row: The limit described above.
    are_cropped: Whether the host has cropped the images of each view.
    ema_decay: Of the averaged weights, where the state has them.

  Returns:
    The step; metrics are float32 scalars.
  """
  sharding = replicated(mesh)

  @functools.partial(
    jax.jit,
    static_argnums=2,
    donate_argnums=0,
    out_shardings=(sharding, sharding),
  )
  def step(
    state: TrainState, batch: Batch, plan: BatchSpec, seed: jax.Array
  ) -> tuple[TrainState, Metrics]:
    views = make_views(batch, plan, state.step, seed, are_cropped=are_cropped)
    (loss, output), gradient = jax.value_and_grad(method.loss, has_aux=True)(
      state.params, state.batch_stats, state.method_state, views, encode
    )
    gradient_norm = optax.tree.norm(gradient)
    is_good = (
      jnp.isfinite(loss)
      & jnp.isfinite(gradient_norm)
      & (state.skipped_in_a_row < max_skipped_in_a_row)
    )
    new = _advance(
      state, gradient, output, method, optimizer, is_good, ema_decay
    )
    metrics = {
      "loss": loss,
      **output.metrics,
      "gradient_norm": gradient_norm,
      "parameter_norm": optax.tree.norm(new.params),
      # The optimiser counts the steps that it took.
      "learning_rate": jnp.asarray(schedule(state.step - state.skipped)),
      "skipped": new.skipped,
      "skipped_in_a_row": new.skipped_in_a_row,
    }
    return new, jax.tree.map(lambda x: x.astype(jnp.float32), metrics)

  return step


def make_views(
  batch: Batch,
  plan: BatchSpec,
  step: jax.Array,
  seed: int | jax.Array,
  *,
  are_cropped: bool = False,
) -> Views:
  """Augments the images of a batch as a plan wants them.

  Every random number depends on (seed, step, stream, view, position) only.

  Args:
    batch: The images as the stream gives them.
    plan: Which views of them to make.
    step: int32 scalar.
    seed: Of the run; an integer scalar.
    are_cropped: Whether the host has cropped the images of each view.

  Returns:
    The views.
  """
  key = jax.random.fold_in(jax.random.key(seed), step)

  def views(
    images: tuple[jax.Array, ...],
    augmentations: tuple[Augmentation, ...],
    rng_stream: RngStream,
  ) -> tuple[jax.Array, ...]:
    if not images:
      return ()
    made = []
    for view, augmentation in enumerate(augmentations):
      view_key = jax.random.fold_in(jax.random.fold_in(key, rng_stream), view)
      keys = jax.vmap(jax.random.fold_in, (None, 0))(
        view_key, jnp.arange(images[0].shape[0])
      )
      if are_cropped:
        augmentation = dataclasses.replace(augmentation, crop_scale=None)
      # The stream gives one image for all views, or one crop for each.
      pixels = images[view % len(images)]
      made.append(augment(pixels, keys, augmentation))
    return tuple(made)

  return Views(
    views(batch.unlabelled, plan.unlabelled, RngStream.UNLABELLED_VIEW),
    views(batch.labelled, plan.labelled, RngStream.LABELLED_VIEW),
    batch.labels,
  )


def _is_finite(tree: Any) -> jax.Array:
  """Whether every floating point number of a pytree is finite."""
  finite = [
    jnp.isfinite(leaf).all()
    for leaf in jax.tree.leaves(tree)
    if jnp.issubdtype(leaf.dtype, jnp.floating)
  ]
  return jnp.stack(finite).all()


def _advance(
  state: TrainState,
  gradient: Any,
  output: StepOutput,
  method: Method,
  optimizer: optax.GradientTransformation,
  is_good: jax.Array,
  ema_decay: float,
) -> TrainState:
  """Returns the next state: updated where `is_good`, else as it was."""
  updates, opt_state = optimizer.update(gradient, state.opt_state, state.params)
  params = optax.apply_updates(state.params, updates)
  new = (
    params,
    output.batch_stats,
    opt_state,
    method.update(state.method_state, params, output.aux),
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
  ExponentialMovingAverage: the first weights are not worth remembering.
  """
  if not state.average:
    return ()
  taken = (state.step - state.skipped).astype(jnp.float32)
  decay_now = jnp.minimum(decay, (1 + taken) / (10 + taken))
  return optax.incremental_update(weights, state.average, 1 - decay_now)
