"""Estimate of a whole run, from the readings of its steps."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from suncet_jax.preflight.parts import BACKWARD, FORWARD
from suncet_jax.preflight.reading import Reading
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.phases import Phase, phases


@dataclasses.dataclass(frozen=True)
class Segment:
  """A part of a run.

  Attributes:
    title: What it is, such as "epochs 0 to 100".
    steps: Number of its steps; 0: it is not made of steps.
    images: Images that it encodes.
    seconds: Seconds that it takes, an estimate.
    basis: Whose estimate that is.
  """

  title: str
  steps: int
  images: int
  seconds: float
  basis: str


def images_per_second(experiment: Experiment, reading: Reading) -> float:
  """Returns the images of the pool that a step sees, by its seconds.

  Args:
    experiment: Experiment of the step.
    reading: Reading of the step.
  """
  return experiment.pipeline.batch_size / reading.seconds


def files_per_host(
  experiment: Experiment, phase: Phase, reading: Reading
) -> float:
  """Returns the images that the input must deliver per second and host.

  Args:
    experiment: Experiment of the step.
    phase: Phase of the step.
    reading: Reading of the step.
  """
  order, pipeline = experiment.pipeline.order, experiment.pipeline
  count = pipeline.batch_size if phase.spec.unlabelled else 0
  count += order.labelled_batch_size if phase.spec.labelled else 0
  return count / reading.seconds / reading.target.hosts


def plan(
  experiment: Experiment, readings: Mapping[Phase, Reading]
) -> list[Segment]:
  """Returns the segments of a run, evaluation included.

  Args:
    experiment: Experiment of the run.
    readings: Reading of the step of each phase.
  """
  found = [_phase(experiment, phase, readings[phase]) for phase in readings]
  first = next(iter(readings))
  found += _evaluations(experiment, first, readings[first])
  return [each for each in found if each.images]


def distinct_phases(experiment: Experiment) -> list[Phase]:
  """Returns the phases of a run whose steps are programs of their own."""
  found: dict[object, Phase] = {}
  for phase in phases(experiment):
    found.setdefault(phase.spec, phase)
  return list(found.values())


def hours(segments: Sequence[Segment]) -> float:
  """Returns the hours of all segments."""
  return sum(each.seconds for each in segments) / 3600


def _phase(experiment: Experiment, phase: Phase, reading: Reading) -> Segment:
  per_epoch = experiment.steps_per_epoch
  steps = sum(
    each.stop - each.start
    for each in phases(experiment)
    if each.spec == phase.spec
  )
  return Segment(
    f"{steps // per_epoch} epochs, {_views(phase)}",
    steps,
    steps * phase.images_per_step,
    steps * reading.seconds,
    reading.model,
  )


def _views(phase: Phase) -> str:
  unlabelled, labelled = len(phase.spec.unlabelled), len(phase.spec.labelled)
  return f"{unlabelled} views of the pool, {labelled} of labelled images"


def _evaluations(
  experiment: Experiment, phase: Phase, reading: Reading
) -> list[Segment]:
  """Returns kNN on the way, the final evaluations and fine-tuning."""
  config, splits = experiment.config, experiment.pipeline.splits
  labelled, test = splits.labelled.size, experiment.pipeline.test.labels.size
  every = config.evals.every_epochs
  times = math.floor(config.train.epochs / every) if every else 0
  on_the_way = times * (splits.validation.size + labelled)
  # One row of the network's part of the step; rows of an evaluation are as
  # large as a view, or a little larger.
  rows = phase.images_per_step
  forward = reading.parts.get(FORWARD, 0.0) / rows
  both = forward + reading.parts.get(BACKWARD, 0.0) / rows
  basis = f"ours, from the step's parts by {reading.model}"
  tuned = sum(
    config.evals[name].epochs * labelled
    for name in ("finetune", "soft_nn_finetune")
    if name in config.evals.final and "epochs" in config.evals.get(name, {})
  )
  return [
    Segment(
      f"{times} evaluations on the way", 0, on_the_way, on_the_way * forward,
      basis,
    ),
    Segment(
      "evaluations at the end", 0, labelled + test, (labelled + test) * forward,
      basis,
    ),
    Segment("fine-tuning at the end", 0, tuned, tuned * both, basis),
  ]  # fmt: skip
