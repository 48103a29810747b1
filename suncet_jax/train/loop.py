"""The training loop: feeds the step, logs, measures, saves, stops."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import jax

from suncet_jax.data.errors import DataError
from suncet_jax.errors import RunError
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.monitor import Monitor
from suncet_jax.train.phases import Phase, phase_of, phases
from suncet_jax.train.state import TrainState
from suncet_jax.train.step import StepFn
from suncet_jax.train.stop import StopRequest
from suncet_jax.train.watch import Watch
from suncet_jax.workdir.checkpoints import Checkpoints, SaveError


class DivergedError(RunError):
  """Too many steps in a row had a loss or gradient that is not finite."""


class Loop:
  """Trains from a state to the end, or until a stop is requested."""

  def __init__(
    self,
    experiment: Experiment,
    step_fn: StepFn,
    *,
    monitor: Monitor,
    checkpoints: Checkpoints,
    stop: StopRequest,
    validate: Callable[[TrainState], dict[str, float]],
    metadata: dict[str, Any],
  ) -> None:
    """Stores the parts.

    Args:
      experiment: Experiment to run.
      step_fn: Its training step.
      monitor: Monitor that writes the metrics.
      checkpoints: Checkpoints that store the states.
      stop: Request to stop; checked after every step.
      validate: Function from a state to metrics on validation images.
      metadata: Metadata to save with every state; JSON values.
    """
    self._experiment, self._step_fn = experiment, step_fn
    self._monitor, self._checkpoints = monitor, checkpoints
    self._stop, self._validate, self._metadata = stop, validate, metadata
    config, per_epoch = experiment.config, experiment.steps_per_epoch
    self._latest: dict[str, jax.Array] = {}
    self._costed: list[Phase] = []  # known after the first step
    self._watch = Watch(
      experiment.spec.symptoms(config, experiment.pipeline.class_count),
      experiment.total_steps,
    )
    self._log_every = config.log.every_steps
    self._save_every = max(1, round(config.checkpoint.every_epochs * per_epoch))
    every = config.evals.every_epochs
    self._validate_every = max(1, round(every * per_epoch)) if every else 0

  def run(self, state: TrainState) -> TrainState:
    """Trains from `state.step` on; returns the last state, saved.

    Raises:
      DivergedError: After `train.max_skipped_in_a_row` steps that were not
        finite; the last good state is in the newest checkpoint.
      DataError: If images are no longer available; the state is saved before.
    """
    metrics: dict[str, jax.Array] = {}
    try:
      for phase, step, batch in self._all_batches(int(state.step)):
        before = metrics
        state, metrics = self._step_fn(
          state, batch, phase.spec, self._experiment.config.seed
        )
        self._latest = metrics
        if not before:
          jax.block_until_ready(metrics)
          with self._monitor.after_first_step():
            self._costed = phases(self._experiment)
        if jax.process_count() > 1:
          # No process is more than a step ahead: see _must_stop.
          jax.block_until_ready(before)
        is_stopping = self._must_stop(step + 1)
        if is_stopping:  # save first: a preempted machine has only seconds left
          self._save(step + 1, state, metrics)
        self._after_step(step + 1, state, metrics)
        if is_stopping:
          break
    except DataError as error:
      # Several processes save together or not at all: see _must_stop.
      if not metrics or jax.process_count() > 1:
        raise
      self._save(int(state.step), state, metrics)
      raise self._after_saving(error, int(state.step)) from error
    failure = self._experiment.stream.failure
    if failure:
      raise self._after_saving(failure, int(state.step)) from failure
    return state

  def _all_batches(self, first: int) -> Iterator[tuple[Phase, int, Any]]:
    """Yields (phase, step, batch) from step `first` to the end."""
    for phase in phases(self._experiment, are_costed=False):
      for step, batch in self._batches(phase, first):
        yield phase, step, batch

  def _batches(self, phase: Phase, first: int) -> Iterator[tuple[int, Any]]:
    """Yields (step, batch) of a phase from `first` on; measures input wait."""
    start = max(phase.start, first)
    steps = range(start, phase.stop)
    batches = self._experiment.stream.batches(
      steps, phase.spec.unlabelled, phase.spec.labelled
    )
    for step in steps:
      was_idle, before = self._is_idle(), time.monotonic()
      batch = next(batches)
      # Waiting while the devices still compute costs nothing.
      if was_idle or self._is_idle():
        self._monitor.waited(time.monotonic() - before)
      yield step, batch

  def _is_idle(self) -> bool:
    """Returns whether the devices have finished the previous step."""
    return all(
      metric.is_ready()  # type: ignore[attr-defined]
      for metric in self._latest.values()
    )

  def _must_stop(self, step: int) -> bool:
    """Returns whether to save and end after `step` steps."""
    if jax.process_count() == 1:
      return self._stop.signal is not None
    if self._experiment.stream.failure:
      # The stream reads ahead: the batch that failed is needed only in a few
      # steps, and by then all processes have agreed on a step to save.
      self._stop.request()
    return self._checkpoints.reached_preemption(step)

  def _after_step(
    self,
    step: int,
    state: TrainState,
    metrics: dict[str, jax.Array],
  ) -> None:
    """Logs, validates and saves when due."""
    # Reading metrics waits for the devices, so not after every step.
    is_last = step == self._experiment.total_steps
    is_measured = self._validate_every > 0 and (
      step % self._validate_every == 0 or is_last
    )
    if step % self._log_every == 0 or is_measured or is_last:
      values = {k: float(v) for k, v in jax.device_get(metrics).items()}
      self._check_finite(step, values)
      self._watch.see(step, values)
      if is_measured:
        with self._monitor.outside_of_training():
          values |= self._validate(state)
      epoch = step / self._experiment.steps_per_epoch
      phase = phase_of(self._costed, step)
      images, flops = phase.images_at(step), phase.flops_at(step)
      self._monitor.log(step, epoch, images, values, flops=flops)
    if step % self._save_every == 0 or is_last:
      self._save(step, state, metrics)

  def _save(
    self, step: int, state: TrainState, metrics: dict[str, jax.Array]
  ) -> None:
    self._check_finite(step, jax.device_get(metrics))
    self._monitor.flush()  # metrics.csv must never lag behind a checkpoint
    metadata = {"seconds": self._monitor.seconds, **self._metadata}
    self._checkpoints.save(step, state, metadata)

  def _check_finite(self, step: int, metrics: dict[str, Any]) -> None:
    limit = self._experiment.config.train.max_skipped_in_a_row
    if metrics["skipped_in_a_row"] >= limit:
      raise DivergedError(
        f"{limit} steps in a row up to step {step} had a loss or gradient that "
        f"is not finite (learning rate {metrics['learning_rate']:.4g}); they "
        f"changed nothing. Last good checkpoint: {self._checkpoints.latest()}. "
        "With another --workdir lower --config.optim.peak_lr or raise "
        "--config.optim.warmup_epochs; or find the operation with "
        "--config.train.debug_nans=True."
      )

  def _after_saving(self, error: DataError, step: int) -> DataError:
    """Returns the error with a note that the state is saved, once it is."""
    note = f"Step {step} is saved: run the same command again to go on."
    try:
      self._checkpoints.wait()
    except SaveError as failed:
      note = str(failed)
    return type(error)(f"{error}\n{note}")
