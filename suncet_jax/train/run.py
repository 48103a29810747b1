"""A whole run: claim the folder, train, evaluate, report, result."""

import importlib.metadata
import platform
import signal
import time
from collections.abc import Sequence
from typing import Any

import jax
from absl import logging
from etils import epath
from ml_collections import ConfigDict

from suncet_jax import convolution
from suncet_jax.config import fingerprint, from_dict, validate
from suncet_jax.console import terminal
from suncet_jax.data import Dataset
from suncet_jax.devices.processes import is_first, value_from_first
from suncet_jax.files.formats import write_json
from suncet_jax.train import accuracies, evaluation, loop
from suncet_jax.train.experiment import (
  Experiment,
  build,
  data_digest,
  split_summary,
)
from suncet_jax.train.monitor import Monitor
from suncet_jax.train.state import TrainState
from suncet_jax.train.stop import StopRequest
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.compilation_cache import programs_kept
from suncet_jax.workdir.digest import tree_digest
from suncet_jax.workdir.folder import (
  FolderError,
  FolderInUseError,
  RunFolder,
  check_same_config,
)

_PACKAGES = ("jax", "flax", "optax", "orbax-checkpoint", "suncet_jax")


def run(
  config: ConfigDict,
  workdir: epath.PathLike,
  command: str = "",
  *,
  dataset: Dataset | None = None,
) -> int:
  """Trains, evaluates and reports, going on from where the folder stands.

  Args:
    config: What to run.
    workdir: The run's folder.
    command: How the run was started, for the report.
    dataset: The data, instead of what `config.data` names; see
      `suncet_jax.data.from_arrays`.

  Returns:
    The exit code: 0, or 130 after Ctrl-C.

  Raises:
    ValueError: If folder, data or devices do not fit the configuration.
    FolderInUseError: If another run is at work in the folder.
    SaveError: If the last checkpoint could not be written.
    DivergedError: If training does not stay finite.
    DataError: If images cannot be had any more; the state is saved before.
  """
  validate(config)
  folder = RunFolder(workdir)
  _claim(folder, config)
  finished = value_from_first(folder.finished_result())
  if finished:
    _say(f"{folder.path} is complete (remove it to start again).")
    _print_result(finished, folder)
    return 0
  if config.train.debug_nans:
    jax.config.update("jax_debug_nans", True)
  with programs_kept(config, folder):
    return _run(config, folder, command, dataset)


def _run(
  config: ConfigDict, folder: RunFolder, command: str, dataset: Dataset | None
) -> int:
  """Runs in a folder that is claimed; returns the exit code."""
  began = time.monotonic()
  experiment = build(config, dataset)
  _say(split_summary(experiment))
  name, reason = _convolution(config)
  _say(f"Convolution: {name} ({reason})")
  evaluator = evaluation.Evaluator(experiment)
  with StopRequest() as stop:
    state, seconds = _train(experiment, folder, evaluator, stop, began)
  if int(state.step) < experiment.total_steps or stop.signal:
    _say(
      f"Saved step {int(state.step)} of {experiment.total_steps}. Run the same "
      "command again to go on."
    )
    return 130 if stop.signal == signal.SIGINT else 0
  metrics = _evaluate(experiment, folder, evaluator, state)
  result = _result(experiment, state, seconds, metrics)
  if config.log.report:
    _report(experiment, folder, evaluator, state, result, command)
  if is_first():
    write_json(folder.result, result)
    _print_result(result, folder)
  return 0


def evaluate(
  workdir: epath.PathLike, names: Sequence[str], step: int | None
) -> int:
  """Evaluates a checkpoint of a run and prints the accuracies.

  They are also written to evaluations-STEP.json in the run's folder; its
  result.json stays as it is.

  Args:
    workdir: The folder of a run, finished or not.
    names: Which evaluations; see `Evaluator.evaluate`.
    step: Which checkpoint; None: the newest.

  Returns:
    The exit code.

  Raises:
    ValueError: If the folder holds no run, or no such checkpoint.
  """
  folder = RunFolder(workdir)
  config = from_dict(folder.config())
  validate(config, check_files=True)
  if not folder.checkpoints.exists():
    raise FolderError(f"{folder.path} holds no checkpoint yet.")
  experiment = build(config)
  with Checkpoints(folder.checkpoints, read_only=True) as checkpoints:
    restored = checkpoints.restore(experiment.state_template(), step)
  if restored is None:
    raise FolderError(f"{folder.path} holds no checkpoint yet.")
  state, metadata = restored
  _check_same_data(experiment, metadata)
  evaluator = evaluation.Evaluator(experiment)
  metrics: dict[str, float] = {}
  for name in names:
    _say(f"Evaluating step {int(state.step)}: {name}")
    metrics |= evaluator.evaluate(state, name)
  if is_first():
    path = folder.path / f"evaluations-{int(state.step)}.json"
    write_json(path, metrics)
    accuracies.show(metrics)
    _say(f"Written to {path}")
  return 0


def _claim(folder: RunFolder, config: ConfigDict) -> None:
  """Claims the folder on process 0; all processes learn the outcome."""
  problem: FolderError | FolderInUseError | None = None
  if is_first():
    try:
      folder.claim(config)
    except (FolderError, FolderInUseError) as error:
      problem = error
  in_use = isinstance(problem, FolderInUseError)
  in_use, message = value_from_first((in_use, str(problem or "")))
  if message:
    raise FolderInUseError(message) if in_use else FolderError(message)


def _train(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: evaluation.Evaluator,
  stop: StopRequest,
  began: float,
) -> tuple[TrainState, float]:
  """Returns the last state, saved, and the seconds of training."""
  checkpoint = experiment.config.checkpoint
  with Checkpoints(
    folder.checkpoints,
    keep=checkpoint.keep,
    keep_every_steps=checkpoint.keep_every_epochs * experiment.steps_per_epoch,
  ) as checkpoints:
    restored = checkpoints.restore(experiment.state_template())
    if restored:
      state, metadata = restored
      # What config.json says too, unless it was edited or removed.
      check_same_config(
        "The checkpoint was made with",
        metadata["config"],
        experiment.config.to_dict(),
      )
      _check_same_data(experiment, metadata)
      _check_same_order(experiment, metadata)
      _say(f"Going on from step {int(state.step)} of {experiment.total_steps}.")
    else:
      state, metadata = experiment.initial_state(), {"seconds": 0.0}
    if is_first():  # the folder is this run's, and it is known to work
      folder.keep_config(experiment.config)
    if int(state.step) == experiment.total_steps:
      return state, metadata["seconds"]
    with Monitor(  # closed after an error too, which must not leave a bar
      folder.path,
      resume_step=int(state.step),
      total_steps=experiment.total_steps,
      seconds=metadata["seconds"],
      began=began,
      tensorboard=experiment.config.log.tensorboard,
    ) as monitor:
      state = loop.Loop(
        experiment,
        monitor=monitor,
        checkpoints=checkpoints,
        stop=stop,
        validate=evaluator.validate,
        metadata={
          "config": experiment.config.to_dict(),
          "data": data_digest(experiment),
          "processes": jax.process_count(),
        },
      ).run(state)
      monitor.close()
    checkpoints.wait()
    return state, monitor.seconds


def _check_same_data(experiment: Experiment, metadata: dict[str, Any]) -> None:
  """Checks that the images are those the checkpoint was made with."""
  if metadata["data"] != data_digest(experiment):
    raise FolderError(
      "The data set is not the one that this run began with: training or test "
      "images were added, removed, renamed or relabelled, or a list of images "
      "has changed. Restore it, or use another --workdir."
    )


def _check_same_order(experiment: Experiment, metadata: dict[str, Any]) -> None:
  """Checks that streamed images come in the order they began with."""
  began_with, count = metadata["processes"], jax.process_count()
  if experiment.config.data.reading == "streaming" and began_with != count:
    raise FolderError(
      f"This run began with {began_with} processes, now there are {count}. The "
      "order of streamed data depends on their number: go on with as many, or "
      "use another --workdir."
    )


def _evaluate(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: evaluation.Evaluator,
  state: TrainState,
) -> dict[str, float]:
  """Runs the final evaluations, but for those an interrupted run has done."""
  digest = tree_digest(state.params)
  # All must leave out the same ones, since they measure together.
  done = value_from_first(folder.evaluations(digest))
  for name in experiment.config.evals.final:
    if any(metric.startswith(f"{name}_") for metric in done):
      continue
    _say(f"Evaluating: {name}")
    try:
      done |= evaluator.evaluate(state, name)
    except FloatingPointError as error:  # the others are still worth having
      logging.error("%s is left out of the result: %s", name, error)
    if is_first():
      folder.write_evaluations(digest, done)
  return done


def _convolution(config: ConfigDict) -> tuple[str, str]:
  return convolution.in_use(config.model.convolution, config.precision)


def _result(
  experiment: Experiment,
  state: TrainState,
  seconds: float,
  metrics: dict[str, float],
) -> dict[str, Any]:
  step = int(state.step)
  last = loop.phases(experiment)[-1]
  return {
    "step": step,
    "images_seen": last.images_at(step),
    "flops": last.flops_at(step),
    "epochs": step / experiment.steps_per_epoch,
    "seconds": round(seconds, 1),
    "params_digest": tree_digest(state.params),
    "metrics": metrics,
    "config_fingerprint": fingerprint(experiment.config.to_dict()),
    "versions": {
      "python": platform.python_version(),
      **{name: importlib.metadata.version(name) for name in _PACKAGES},
      "convolution": _convolution(experiment.config)[0],
    },
  }


def _report(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: evaluation.Evaluator,
  state: TrainState,
  result: dict[str, Any],
  command: str,
) -> None:
  # matplotlib and scikit-learn take a second to import: at the end, not before.
  from suncet_jax.train.report_data import report

  try:
    report(experiment, folder, evaluator, state, result, command)
  except Exception:  # a picture that fails must not cost the result
    logging.exception("The report could not be written.")


def _print_result(result: dict[str, Any], folder: RunFolder) -> None:
  if is_first():
    accuracies.show(result["metrics"])
  _say(
    f"{result['step']:,} steps, {result['epochs']:g} epochs, "
    f"{result['images_seen']:,} images in {result['seconds']:.0f} s; "
    f"parameters {result['params_digest']}"
  )
  if (folder.path / "report.html").exists():
    _say(f"Report: {folder.path / 'report.html'}")


def _say(text: str) -> None:
  if is_first():
    terminal.say(text)
