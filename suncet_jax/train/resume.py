"""Resuming: claims the folder, checks data and order, restores the state."""

from typing import Any

import jax
from ml_collections import ConfigDict

from suncet_jax.devices.processes import is_first, value_from_first
from suncet_jax.errors import UserError
from suncet_jax.train import ahead, starting
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.monitor import print_once
from suncet_jax.train.state import TrainState
from suncet_jax.train.step import StepFn
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.folder import (
  FolderError,
  FolderInUseError,
  RunFolder,
  check_same_config,
)


def claim(folder: RunFolder, config: ConfigDict) -> dict[str, Any]:
  """Claims the folder on process 0; all processes learn the outcome.

  Args:
    folder: Folder of the run.
    config: Configuration of the run.

  Returns:
    The configuration that the run keeps, as nested dicts; {} if it is new.

  Raises:
    FolderInUseError: If another process is using the folder.
    FolderError: If it belongs to another run or is not writable.
  """
  problem: UserError | FolderInUseError | None = None
  kept: dict[str, Any] = {}
  if is_first():
    try:
      kept = folder.claim(config)
    except (UserError, FolderInUseError) as error:
      problem = error
  in_use = isinstance(problem, FolderInUseError)
  told = in_use, str(problem or ""), kept
  in_use, message, kept = value_from_first(told)
  if message:
    raise FolderInUseError(message) if in_use else FolderError(message)
  return kept


def metadata(experiment: Experiment) -> dict[str, Any]:
  """Returns the metadata of every checkpoint of a run, as JSON values."""
  config, pipeline = experiment.config, experiment.pipeline
  return {
    "config": config.to_dict(),
    "data": pipeline.digest(),
    "processes": jax.process_count(),
    # Enough to build the model again without the data.
    "model": {
      "name": config.model.name,
      "heads": {
        name: head._asdict() for name, head in experiment.heads.items()
      },
      "channels": pipeline.train.image_shape[-1],
      "classes": pipeline.class_count,
    },
  }


def start(
  experiment: Experiment,
  step_fn: StepFn,
  checkpoints: Checkpoints,
  metadata: dict[str, Any],
) -> tuple[TrainState, float]:
  """Returns the state to train from, and the seconds spent before.

  Args:
    experiment: Experiment to run.
    step_fn: Its training step, compiled if the run is new.
    checkpoints: Checkpoints of the folder.
    metadata: Metadata that this run saves; see `metadata`.

  Raises:
    FolderError: If the newest checkpoint was made with other data, another
      order or another configuration.
  """
  # Asked first: the template of a state is traced for half a second.
  is_new = checkpoints.latest() is None
  restored = (
    None if is_new else checkpoints.restore(experiment.state_template())
  )
  if restored is None:
    starting.show(experiment.start.about if experiment.start else {})
    return ahead.initial_state(experiment, step_fn), 0.0
  state, kept = restored
  # Checked here again, since config.json may have been edited or removed.
  check_same_config(
    "The checkpoint was made with", kept["config"], metadata["config"]
  )
  check_same_data(kept, metadata["data"])
  _check_same_order(experiment, kept)
  print_once(
    f"Going on from step {int(state.step)} of {experiment.total_steps}."
  )
  return state, kept["seconds"]


def check_same_data(kept: dict[str, Any], digest: str) -> None:
  """Checks that the images are those a checkpoint was made with.

  Args:
    kept: Metadata of the checkpoint.
    digest: Digest of the present data; see `Pipeline.digest`.

  Raises:
    FolderError: If the digests differ.
  """
  if kept["data"] != digest:
    raise FolderError(
      "The data set is not the one that this run began with: training or test "
      "images were added, removed, renamed or relabelled, or a list of images "
      "has changed. Restore it, or use another --workdir."
    )


def _check_same_order(experiment: Experiment, kept: dict[str, Any]) -> None:
  """Checks that streamed images keep the order that the run began with."""
  began_with, count = kept["processes"], jax.process_count()
  if experiment.config.data.reading == "streaming" and began_with != count:
    raise FolderError(
      f"This run began with {began_with} processes, now there are {count}. The "
      "order of streamed data depends on their number: go on with as many, or "
      "use another --workdir."
    )
