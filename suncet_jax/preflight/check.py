"""Check of a configuration on some devices: compiled, read, estimated."""

import dataclasses
from collections.abc import Mapping, Sequence

from ml_collections import ConfigDict

from suncet_jax.devices.target import made_for
from suncet_jax.errors import UserError
from suncet_jax.preflight import compilers, shapes
from suncet_jax.preflight.compiling import CompileError, advice
from suncet_jax.preflight.estimate import (
  Segment,
  distinct_phases,
  files_per_host,
  hours,
  images_per_second,
  plan,
)
from suncet_jax.preflight.fit import Fit
from suncet_jax.preflight.reading import Reading
from suncet_jax.preflight.shapes import Counts
from suncet_jax.preflight.steps import Say, read_step
from suncet_jax.preflight.targets import Target
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.phases import Phase


@dataclasses.dataclass(frozen=True)
class Checked:
  """What came out for one kind of devices.

  Attributes:
    target: The devices.
    failure: Why it cannot be trained there; empty if it can.
    readings: Readings of the steps, one for each that the run compiles; empty
      after a failure.
    segments: Segments of the run.
    images_per_second: Images of the pool per second, in each step's phase.
    files_per_host: Images that each host must deliver per second, at most.
    rows: Rows that each device encodes in the first phase's step.
    batch_size: Configured images of the pool per step.
    fit: What fits, if that was asked for.
  """

  target: Target
  failure: str = ""
  readings: Sequence[Reading] = ()
  segments: Sequence[Segment] = ()
  images_per_second: Sequence[float] = ()
  files_per_host: float = 0.0
  rows: int = 0
  batch_size: int = 0
  fit: Fit | None = None

  @property
  def hours(self) -> float:
    """Hours of the whole run, an estimate."""
    return hours(self.segments)

  def cost(self, price: float) -> float:
    """Returns what the run costs.

    Args:
      price: Price of a device for an hour.
    """
    return self.hours * self.target.devices * price


def checked(
  config: ConfigDict, target: Target, counts: Counts | None, say: Say
) -> Checked:
  """Compiles each step of a run for devices that are not here.

  Args:
    config: Configuration of the run, validated.
    target: The devices.
    counts: Counts of the data set, where the configuration does not tell them.
    say: Function that shows a line of progress.

  Raises:
    ValueError: If the compiler is not installed, or the data set not known.
  """
  mesh = compilers.mesh(target)
  try:
    with made_for(target.chip.platform):
      experiment = shapes.experiment_on(config, mesh, counts)
      found = {
        phase: read_step(experiment, phase, target, say)
        for phase in distinct_phases(experiment)
      }
  except CompileError as error:
    return Checked(target, f"{error}\n{advice(str(error))}")
  except UserError as error:  # such as rows that the devices cannot share
    return Checked(target, str(error))
  return _summary(experiment, target, found)


def _summary(
  experiment: Experiment, target: Target, found: Mapping[Phase, Reading]
) -> Checked:
  first = next(iter(found))
  return Checked(
    target,
    readings=list(found.values()),
    segments=plan(experiment, found),
    images_per_second=[
      images_per_second(experiment, each) for each in found.values()
    ],
    files_per_host=max(
      files_per_host(experiment, phase, each) for phase, each in found.items()
    ),
    rows=first.images_per_step // target.devices,
    batch_size=experiment.pipeline.batch_size,
  )
