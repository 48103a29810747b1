"""A method's parts on the tiny experiment; each is built, and compiled, once.

All of it is by the method's name, as `config.method.name` has it, and by
further fields of the configuration.
"""

import collections
import dataclasses
import functools

import jax
import numpy as np
import tiny
import virtual

from suncet_jax.devices.mesh import replicated
from suncet_jax.methods.base import Moment
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.train.step import make_views

UNLABELLED, LABELLED = 16, 8  # rows of a view of the tiny experiment


def on_devices(experiment, devices):
  """Returns an experiment whose rows are spread over so many devices."""
  mesh = virtual.mesh(devices)
  return dataclasses.replace(
    experiment, mesh=mesh, stream=experiment.pipeline.stream(mesh)
  )


@functools.cache
def experiment(name, precision="float32", **fields):
  """Returns the method's experiment: two epochs on one device."""
  made = tiny_experiment(name, precision=precision, **fields)
  return on_devices(made, 1)


def tiny_experiment(name, **fields):
  """Returns a new experiment of the method, on all devices."""
  # Views are made in float32: without colors they are nearly the same on any
  # number of devices.
  no_colors = {"augment.jitter_prob": 0.0, "augment.grayscale_prob": 0.0}
  return tiny.experiment(
    method=name,
    epochs=2,
    **{**no_colors, "optim.name": "sgd", "optim.peak_lr": 0.1, **fields},
  )


def batches(parts, steps):
  """Yields (batch spec, batch) of steps, of whatever epoch they are."""
  for step in steps:
    spec = parts.batch_spec(step // parts.steps_per_epoch)
    made = parts.stream.batches(
      range(step, step + 1), spec.unlabelled, spec.labelled
    )
    yield spec, next(made)


@functools.cache
def _step(name, **fields):
  return experiment(name, **fields).step_fn()


@functools.cache
def _initial(name, **fields):
  with jax.enable_x64(False):  # whoever asks first
    return on_host(experiment(name, **fields).initial_state())


def initial_state(name, **fields):
  """Returns the state before the first step; a step may take its buffers."""
  return placed(name, _initial(name, **fields), **fields)


def placed(name, state, **fields):
  """Puts a state of the host on the experiment's device."""
  copies = jax.tree.map(np.array, state)
  return jax.device_put(copies, replicated(experiment(name, **fields).mesh))


def on_host(state):
  """Returns copies, which outlive the step that takes the buffers."""
  return jax.tree.map(np.array, jax.device_get(state))


def train(name, state, steps, **fields):
  """Takes steps; returns the state on the host, and the metrics of each."""
  logged = []
  for spec, batch in batches(experiment(name, **fields), steps):
    state, metrics = _step(name, **fields)(state, batch, spec, 0)
    logged.append(jax.device_get(metrics))
  return on_host(state), logged


@functools.cache
def on_one_device(name):
  """Returns what `differentiated` does on one device, made once."""
  return differentiated(name, 1)


def differentiated(name, devices, **fields):
  """Returns the loss of the first step and its gradient, in float64."""
  parts = on_devices(experiment(name, "float64", **fields), devices)
  state = jax.device_put(
    _in_float64(_initial(name, **fields)), replicated(parts.mesh)
  )
  (spec, batch), *_ = batches(parts, range(1))
  encode = ViewEncoder(parts.model, parts.mesh)

  @jax.jit
  def first_step(state, batch):
    views = make_views(batch, spec, state.step, 0)
    (loss, _), gradient = jax.value_and_grad(parts.method.loss, has_aux=True)(
      state.params,
      state.batch_stats,
      state.method_state,
      views,
      encode,
      _moment(state),
    )
    return loss, gradient

  return jax.device_get(first_step(state, batch))


def _in_float64(tree):
  """Returns a state as float64 has it; to draw it would compile once more."""
  return jax.tree.map(
    lambda leaf: leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf,
    tree,
  )


def _moment(state):
  return Moment(step=state.step, epoch=state.step / 2.0, key=jax.random.key(0))


class _Recorder(ViewEncoder):
  """An encoder that counts the views that it is given, by their rows."""

  def __init__(self, *arguments):
    super().__init__(*arguments)
    self.trained, self.other = collections.Counter(), collections.Counter()

  def __call__(self, params, batch_stats, views, *, train=True, key=None):
    rows = [jax.tree.leaves(view)[0].shape[0] for view in views]
    (self.trained if train else self.other).update(rows)
    return super().__call__(params, batch_stats, views, train=train, key=key)


@functools.cache
def traced(name, epoch, **fields):
  """Traces a step's loss; nothing is compiled.

  Returns:
    (rows of the views encoded in training mode, rows of the others, the
    shapes of loss and `StepOutput`).
  """
  parts = experiment(name, **fields)
  spec, batch = next(batches(parts, [epoch * parts.steps_per_epoch]))
  recorder = _Recorder(parts.model, parts.mesh)

  def loss(state, batch):
    return parts.method.loss(
      state.params,
      state.batch_stats,
      state.method_state,
      make_views(batch, spec, state.step, 0),
      recorder,
      _moment(state),
    )

  shapes = jax.eval_shape(loss, _initial(name, **fields), batch)
  return recorder.trained, recorder.other, shapes
