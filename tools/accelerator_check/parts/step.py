"""Training step of configs/imagenet.py on synthetic images: speed, memory."""

import itertools
import time
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.harness.files import load_config
from suncet_jax.config import validate
from suncet_jax.data.stream import Batch
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.methods.base import BatchSpec
from suncet_jax.preflight import shapes
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.phases import rows_per_step
from tools.accelerator_check.context import Context
from tools.accelerator_check.device import is_out_of_memory, peak_bytes
from tools.accelerator_check.process import TRY_AGAIN
from tools.accelerator_check.sizes import (
  Sizes,
  fields_of,
  next_smaller,
  rows_that_fit,
)

_BATCHES = 2  # that the steps take in turn


class _Program(NamedTuple):
  """A compiled step and what it is called with."""

  experiment: Experiment
  spec: BatchSpec
  compiled: jax.stages.Compiled


def run(context: Context) -> None:
  """Takes the steps and tells speed and memory.

  Args:
    context: Surroundings of the part.
  """
  if unfit := context.told(context.name).get("did_not_fit"):
    rows = next_smaller(unfit)
  else:
    rows = context.sizes.rows or rows_that_fit(_memory())
  if not rows:
    raise MemoryError("not even the smallest batch fits")
  try:
    _measure(context, rows)
  except jax.errors.JaxRuntimeError as error:
    if not is_out_of_memory(error):
      raise
    context.tell(did_not_fit=rows)
    # The peak of this process is that of a step which did not fit.
    raise SystemExit(TRY_AGAIN) from error


def _memory() -> int:
  """Returns the bytes that a program may take on the device."""
  return (jax.local_devices()[0].memory_stats() or {}).get("bytes_limit", 0)


def _measure(context: Context, rows: int) -> None:
  """Compiles and takes steps of so many rows."""
  config = _configured(context.sizes, rows)
  began = time.monotonic()
  program = _compiled(config)
  context.tell(
    rows=rows_per_step(program.experiment, program.spec),
    fields=fields_of(context.sizes, rows),
    compile_seconds=time.monotonic() - began,
    planned_bytes=_planned_bytes(program.compiled),
  )
  seconds, metrics = _timed(program, context.sizes)
  context.tell(
    steps=context.sizes.steps,
    seconds_per_step=seconds / context.sizes.steps,
    images_per_second=rows * context.sizes.steps / seconds,
    peak_bytes=peak_bytes(jax.local_devices()[0]),
    metrics=metrics,
  )
  if not np.isfinite(metrics["loss"]) or metrics["skipped"]:
    raise ArithmeticError(f"the steps are not finite: {metrics}")


def _configured(sizes: Sizes, rows: int) -> ConfigDict:
  config = load_config("imagenet")
  config.update_from_flattened_dict(fields_of(sizes, rows))
  validate(config)
  return config


def _compiled(config: ConfigDict) -> _Program:
  """Compiles the step of a configuration, without its data."""
  experiment = shapes.experiment_on(config, make_mesh())
  spec = experiment.batch_spec(0)
  step: Any = experiment.step_fn()  # what jax.jit gives
  lowered = step.lower(
    experiment.state_template(), experiment.batch_template(spec), spec, 0
  )
  return _Program(experiment, spec, lowered.compile())


def _planned_bytes(compiled: jax.stages.Compiled) -> int:
  """Returns the bytes that XLA assigned for this device."""
  stats: Any = compiled.memory_analysis()
  return int(
    stats.argument_size_in_bytes
    + stats.temp_size_in_bytes
    + max(0, stats.output_size_in_bytes - stats.alias_size_in_bytes)
    + stats.generated_code_size_in_bytes
  )


def _timed(program: _Program, sizes: Sizes) -> tuple[float, dict[str, float]]:
  """Takes steps; returns the seconds of the timed ones and the last metrics."""
  state = program.experiment.initial_state()
  batches = itertools.cycle([_batch(program, i) for i in range(_BATCHES)])
  for _ in range(sizes.warm_up):
    state, metrics = program.compiled(state, next(batches), 0)
  jax.block_until_ready(state)
  began = time.monotonic()
  for _ in range(sizes.steps):
    state, metrics = program.compiled(state, next(batches), 0)
  jax.block_until_ready(state)
  seconds = time.monotonic() - began
  return seconds, {name: float(value) for name, value in metrics.items()}


def _batch(program: _Program, seed: int) -> Batch:
  """Returns random images and labels in the classes of the sampler."""
  rng = np.random.default_rng(seed)
  batch = program.experiment.batch_template(program.spec)
  classes = program.experiment.config.data.labelled.classes_per_batch

  def random(leaf: jax.ShapeDtypeStruct) -> jax.Array:
    if leaf.dtype == np.uint8:
      made = rng.integers(0, 256, leaf.shape, np.uint8)
    else:
      made = np.arange(leaf.shape[0], dtype=leaf.dtype) % classes
    return jax.device_put(made, leaf.sharding)

  return jax.tree.map(random, batch)
