"""Metrics of a run: progress lines, metrics.csv, TensorBoard events."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.console.progress import bar, facts, live_lines, remaining
from suncet_jax.devices.host import hide_accelerators
from suncet_jax.devices.processes import is_first
from suncet_jax.optional import absent
from suncet_jax.plugins import Series
from suncet_jax.train.time_left import TimeLeft
from suncet_jax.workdir.metrics_csv import MetricsFile


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
    self._start = self._last = time.monotonic()
    self._last_images: int | None = None
    self._wait = 0.0
    self._events: Any = None  # a clu MetricWriter, or None
    if self._is_writer:
      self._table = MetricsFile(folder / "metrics.csv", resume_step)
      if tensorboard:
        self._events = _open_events(folder)
      self._display = Display(total_steps, series)

  @property
  def seconds(self) -> float:
    """Seconds of training so far, including those before an interruption."""
    return self._start_seconds + time.monotonic() - self._start

  def first_step_done(self) -> None:
    """Prints the time until the first step: data, compilation, one step."""
    now, step = time.monotonic(), self._start_step + 1
    self._time_left.start(step, now)
    if self._is_writer:
      terminal.say(f"First step after {now - self._began:.1f} s")
      self._display.started(step)

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
    scalars = {k: v for k, v in row.items() if k != "step"}
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


# Metric -> its format in the progress line; the method's series come between.
_SHOWN_FIRST = {"input_wait_share": "wait {:.0%}", "loss": "loss {:.3f}"}
_SHOWN_LAST = {
  "learning_rate": "lr {:.3g}",
  "val_knn_top1": "knn {:.1%}",
  "val_classifier_top1": "classifier {:.1%}",
}
# On a terminal, their values stay above the bar.
_RECORD = ("val_knn_top1", "val_classifier_top1")


class Display:
  """Shows the metrics of a run on standard error."""

  def __init__(self, total_steps: int, series: Sequence[Series] = ()) -> None:
    """Starts the bar on a terminal.

    Args:
      total_steps: Number of steps of the whole run.
      series: Series that the method logs.
    """
    self._total_steps = total_steps
    of_method = {s.name: s.line for s in series if s.line}
    self._shown = _SHOWN_FIRST | of_method | _SHOWN_LAST
    self._latest: dict[str, str] = {}  # metric -> its newest text
    self._live = live_lines(facts("compiling the first step ..."))

  def started(self, step: int) -> None:
    """Shows that the first step is done, until there are metrics."""
    if self._live:
      done = step / self._total_steps
      self._live.update(bar(done, f"step {step}/{self._total_steps}"))

  def show(self, row: Mapping[str, float], left: float | None) -> None:
    """Shows the metrics of a step.

    Args:
      row: Metrics by name, with `step` and `epoch`.
      left: Seconds left until the end; None: they are not known yet.
    """
    place = f"step {row['step']}/{self._total_steps}  epoch {row['epoch']:.1f}"
    speed = row.get("images_per_second")
    texts = {"speed": f"{speed:,.0f} img/s"} if speed else {}
    metrics = {k: v.format(row[k]) for k, v in self._shown.items() if k in row}
    if self._live is None:
      if left is not None:
        texts["left"] = "left {}:{:02d}".format(*divmod(int(left), 60))
      line = [place, *texts.values(), *metrics.values()]
      terminal.say("  ".join(line), sys.stderr)
      return
    self._latest |= texts | metrics
    is_record = any(k in metrics for k in _RECORD)
    if is_record:
      kept = [place, *(metrics[k] for k in ("loss", *_RECORD) if k in metrics)]
      self._live.console.print(facts("  ".join(kept)))
    done = row["step"] / self._total_steps
    beside = place if left is None else f"{place}  {remaining(left)}"
    drawn = bar(done, beside, self._below())
    self._live.update(drawn, refresh=is_record or done == 1)

  def _below(self) -> str:
    """Returns the newest metrics, for the line below the bar."""
    order = (k for k in ("speed", *self._shown) if k != "learning_rate")
    return "  ".join(self._latest[k] for k in order if k in self._latest)

  def close(self) -> None:
    """Ends the bar in its latest state."""
    if self._live:
      self._live.stop()
      self._live = None


def print_once(text: str) -> None:
  """Prints a line on process 0 of a job."""
  if is_first():
    terminal.say(text)
