"""The first programs of a new run, compiled side by side."""

import concurrent.futures
from typing import Any

import jax

from suncet_jax.train.experiment import Experiment
from suncet_jax.train.state import TrainState
from suncet_jax.train.step import StepFn


def initial_state(experiment: Experiment, step_fn: StepFn) -> TrainState:
  """Makes the state before the first step while that step is compiled.

  JAX finds the program when the step is called.

  Args:
    experiment: Experiment to run.
    step_fn: What its `step_fn` gave, and what will be called.

  Raises:
    Whatever JAX raises for a step that it cannot trace or compile.
  """
  # Compilers of several processes may wait for each other, in one order.
  if jax.process_count() > 1:
    return experiment.initial_state()
  with concurrent.futures.ThreadPoolExecutor(1) as beside:
    compiled = beside.submit(_compile_first, experiment, step_fn)
    state = experiment.initial_state()
    compiled.result()
  return state


def _compile_first(experiment: Experiment, step_fn: Any) -> None:
  spec = experiment.batch_spec(0)
  state, batch = experiment.state_template(), experiment.batch_template(spec)
  step_fn.lower(state, batch, spec, experiment.config.seed).compile()
