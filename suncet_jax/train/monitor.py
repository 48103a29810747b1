"""Metrics of a run: metrics.csv, TensorBoard events, progress lines."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.devices.host import hide_accelerators
from suncet_jax.devices.processes import is_first
from suncet_jax.optional import absent
from suncet_jax.plugins import Series
from suncet_jax.train.display import Display
from suncet_jax.train.time_left import TimeLeft
from suncet_jax.workdir.metrics_csv import MetricsFile

_VALIDATED = "val_"  # begins the names of what is measured on validation images
# What tells of the run rather than of what it learns.
_PROGRESS = (
  "epoch",
  "images_seen",
  "flops",
  "seconds",
  "images_per_second",
  "input_wait_share",
)


class Monitor:
  """Writes the metrics of a run, on process 0 only."""

  def __init__(
    self,
    workdir: epath.PathLike,
    *,
    resume_step: int,
    total_steps: int,
    seconds: float,
    began: float,
    tensorboard: bool,
    series: Sequence[Series] = (),
  ) -> None:
    """Opens the files.

    Args:
      workdir: Folder of the run.
      resume_step: Step that the run goes on from.
      total_steps: Number of steps of the whole run.
      seconds: Seconds of training until `resume_step`.
      began: Time at which this process began to load data, in seconds of
        `time.monotonic()`.
      tensorboard: Whether to write TensorBoard events too.
      series: Series that the method logs.
    """
    folder = epath.Path(workdir)
    self._is_writer = is_first()
    self._total_steps = total_steps
    self._start_step, self._start_seconds = resume_step, seconds
    self._time_left = TimeLeft(total_steps)
    self._began = began
    self._last = time.monotonic()
    self._last_images: int | None = None
    self._wait = 0.0
    self._events: Any = None  # a clu MetricWriter, or None
    self._has_events = tensorboard
    self._folder = folder
    if self._is_writer:
      self._table = MetricsFile(folder / "metrics.csv", resume_step)
      self._display = Display(total_steps, series)

  @property
  def seconds(self) -> float:
    """Seconds since the run began, without those between interruptions."""
    return self._start_seconds + time.monotonic() - self._began

  @contextlib.contextmanager
  def after_first_step(self) -> Iterator[None]:
    """Prints the time until the first step: data, compilation, one step.

    What was not needed before is to be done inside; the clock of what is left
    starts at the end.
    """
    step = self._start_step + 1
    if self._is_writer:
      seconds = time.monotonic() - self._began
      self._display.started(step)
      terminal.say(f"First step after {seconds:.1f} s")
      if self._has_events:
        self._events = _open_events(self._folder)
    yield
    self._time_left.start(step, time.monotonic())

  def waited(self, seconds: float) -> None:
    """Adds to the time that the loop waited for input."""
    self._wait += seconds

  @contextlib.contextmanager
  def outside_of_training(self) -> Iterator[None]:
    """Excludes the time inside from the images per second."""
    before = time.monotonic()
    yield
    seconds = time.monotonic() - before
    self._last += seconds
    self._time_left.pause(seconds)

  def log(
    self,
    step: int,
    epoch: float,
    images: int,
    metrics: Mapping[str, float],
    *,
    flops: float = 0.0,
  ) -> None:
    """Writes the metrics of a step everywhere.

    Args:
      step: Number of steps taken.
      epoch: Number of epochs taken over the unlabelled pool.
      images: Number of images encoded so far, views counted singly.
      metrics: Metrics by name.
      flops: Estimated number of floating-point operations so far.
    """
    now = time.monotonic()
    row: dict[str, float] = {
      "step": step,
      "epoch": round(epoch, 6),
      "images_seen": images,
      "flops": flops,
      "seconds": round(self.seconds, 3),
    }
    if self._last_images is not None:
      elapsed = max(now - self._last, 1e-9)
      row["images_per_second"] = (images - self._last_images) / elapsed
      row["input_wait_share"] = self._wait / elapsed
    row |= metrics
    self._last, self._last_images, self._wait = now, images, 0.0
    if not self._is_writer:
      return
    self._table.add(row)
    scalars = {_grouped(k): v for k, v in row.items() if k != "step"}
    self._on_events(lambda events: events.write_scalars(step, scalars))
    self._display.show(row, self._time_left.at(step, now))

  def __enter__(self) -> "Monitor":
    """Returns itself; leaving the context ends the display, not the files."""
    return self

  def __exit__(self, *error: object) -> None:
    """Ends the display."""
    if self._is_writer:
      self._display.close()

  def close(self) -> None:
    """Writes everything to disk and ends."""
    self.flush()
    self._on_events(lambda events: events.close())
    if self._is_writer:
      self._display.close()

  def flush(self) -> None:
    """Writes everything to disk; called before a checkpoint is saved."""
    if self._is_writer:
      self._table.write()
    self._on_events(lambda events: events.flush())

  def _on_events(self, act: Callable[[Any], None]) -> None:
    """Calls the TensorBoard writer; drops it after a failure."""
    if self._events is None:
      return
    try:
      act(self._events)
    # TensorFlow raises errors of its own types, for instance on a full disk.
    except Exception as error:
      self._events = None
      logging.error("No more TensorBoard events until a restart: %s", error)


def _grouped(metric: str) -> str:
  """Returns a metric's name with the group that TensorBoard shows it in."""
  if metric in _PROGRESS:
    return f"run/{metric}"
  if metric.startswith(_VALIDATED):
    return f"val/{metric.removeprefix(_VALIDATED)}"
  return f"train/{metric}"


def _open_events(folder: epath.Path) -> Any:
  """Returns a writer of TensorBoard events; None if a package is absent."""
  try:
    # Imported here: they load TensorFlow, which not every run needs.
    hide_accelerators()
    from clu import metric_writers
  except ImportError as error:
    terminal.say(f"No TensorBoard files: writing them {absent(error)}")
    return None
  return metric_writers.SummaryWriter(str(folder))


def print_once(text: str) -> None:
  """Prints a line on process 0 of a job."""
  if is_first():
    terminal.say(text)
