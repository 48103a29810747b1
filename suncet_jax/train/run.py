"""A whole run: claims the folder, trains, evaluates, reports."""

import signal
import time

import jax
from etils import epath
from ml_collections import ConfigDict

from suncet_jax import convolution
from suncet_jax.config import as_begun, validate
from suncet_jax.data import Dataset
from suncet_jax.devices.processes import is_first, value_from_first
from suncet_jax.files.formats import write_json
from suncet_jax.train import result, resume
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.experiment import Experiment, build
from suncet_jax.train.keeping import keep_adapters, keep_classifier
from suncet_jax.train.loop import Loop
from suncet_jax.train.monitor import Monitor, print_once
from suncet_jax.train.state import TrainState
from suncet_jax.train.stop import StopRequest
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.compilation_cache import programs_kept
from suncet_jax.workdir.folder import RunFolder


def run(
  config: ConfigDict,
  workdir: epath.PathLike,
  command: str = "",
  *,
  dataset: Dataset | None = None,
) -> int:
  """Trains, evaluates and reports, going on from the newest checkpoint.

  Args:
    config: Configuration of the run.
    workdir: Folder of the run.
    command: Command that started the run, for the report.
    dataset: Data set to use instead of the one that `config.data` names; see
      `suncet_jax.data.from_arrays`.

  Returns:
    The exit code: 0, or 130 after Ctrl-C.

  Raises:
    ValueError: If folder, data or devices do not fit the configuration.
    FolderInUseError: If another run is using the folder.
    SaveError: If the last checkpoint could not be written.
    DivergedError: If training does not stay finite.
    DataError: If images are no longer available; the state is saved before.
  """
  validate(config)
  folder = RunFolder(workdir)
  kept = resume.claim(folder, config)
  config = as_begun(config, kept)
  finished = value_from_first(folder.finished_result())
  if finished:
    print_once(f"{folder.path} is complete (remove it to start again).")
    result.show(finished, folder)
    return 0
  if config.train.debug_nans:
    jax.config.update("jax_debug_nans", True)
  began = time.monotonic()
  with programs_kept(config, folder):
    experiment = build(config, dataset, is_begun=bool(kept))
    return _run(experiment, folder, command, began)


def _run(
  experiment: Experiment, folder: RunFolder, command: str, began: float
) -> int:
  """Runs in a claimed folder; returns the exit code."""
  config = experiment.config
  print_once(experiment.pipeline.summary())
  name, reason = convolution.in_use(config.model.convolution, config.precision)
  print_once(f"Convolution: {name} ({reason})")
  evaluator = Evaluator(experiment)
  with StopRequest() as stop:
    state, seconds = _train(experiment, folder, evaluator, stop, began)
  if int(state.step) < experiment.total_steps or stop.signal:
    print_once(
      f"Saved step {int(state.step)} of {experiment.total_steps}. Run the same "
      "command again to go on."
    )
    return 130 if stop.signal == signal.SIGINT else 0
  metrics = result.evaluate_finally(experiment, folder, evaluator, state)
  keep_adapters(experiment, folder, state)
  kept = keep_classifier(experiment, folder, evaluator, state, metrics)
  content = result.content(experiment, state, seconds, metrics, kept)
  if begun_from := folder.start():
    content["init"] = begun_from
  if config.log.report:
    result.report(experiment, folder, evaluator, state, content, command)
  if is_first():
    write_json(folder.result, content)  # last: its presence means done
  result.show(content, folder)
  return 0


def _train(
  experiment: Experiment,
  folder: RunFolder,
  evaluator: Evaluator,
  stop: StopRequest,
  began: float,
) -> tuple[TrainState, float]:
  """Trains; returns the last state, saved, and the seconds of training."""
  checkpoint = experiment.config.checkpoint
  with Checkpoints(
    folder.checkpoints,
    keep=checkpoint.keep,
    keep_every_steps=checkpoint.keep_every_epochs * experiment.steps_per_epoch,
  ) as checkpoints:
    metadata = resume.metadata(experiment)
    series, step_fn = experiment.spec.series, experiment.step_fn()
    state, seconds = resume.start(experiment, step_fn, checkpoints, metadata)
    if is_first():  # only now: the data opened and the checkpoint fits
      if experiment.start and experiment.start.about:
        folder.keep_start(experiment.start.about)  # a run that has begun has it
      folder.keep_config(experiment.config)
      folder.keep_series(series)
      if experiment.config.data.test_fraction:
        folder.keep_test_images(experiment.pipeline.named_test())
    if int(state.step) == experiment.total_steps:
      return state, seconds
    with Monitor(  # left after an error too: no bar may stay behind
      folder.path,
      resume_step=int(state.step),
      total_steps=experiment.total_steps,
      seconds=seconds,
      began=began,
      tensorboard=experiment.config.log.tensorboard,
      series=series,
    ) as monitor:
      state = Loop(
        experiment,
        step_fn,
        monitor=monitor,
        checkpoints=checkpoints,
        stop=stop,
        validate=evaluator.validate,
        metadata=metadata,
      ).run(state)
      monitor.close()
    checkpoints.wait()
    return state, monitor.seconds
