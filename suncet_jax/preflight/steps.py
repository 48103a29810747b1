"""Steps of a training, compiled for devices that are not here and read."""

from collections.abc import Callable
from typing import Any

import jax

from suncet_jax.preflight import memory
from suncet_jax.preflight.compiling import compiled
from suncet_jax.preflight.reading import Reading, read
from suncet_jax.preflight.targets import Target
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.phases import Phase

Say = Callable[[str], None]


def read_step(
  experiment: Experiment, phase: Phase, target: Target, say: Say
) -> Reading:
  """Compiles the step of a phase and reads the program.

  Args:
    experiment: Experiment on the devices' mesh.
    phase: Phase of the step.
    target: The devices.
    say: Function that shows a line of progress.

  Raises:
    CompileError: If the compiler refuses the step.
  """
  state = experiment.state_template()
  batch = experiment.batch_template(phase.spec)
  step: Any = experiment.step_fn()  # what jax.jit gives
  say(f"{target.name}: tracing the step")
  lowered: jax.stages.Lowered = step.lower(state, batch, phase.spec, 0)
  return read(
    compiled(lowered, target.name, say),
    target,
    memory.of_state(state, batch),
    gradients=state.params,
  )
