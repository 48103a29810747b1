"""What a run says of itself: progress lines, metrics.csv, TensorBoard."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

from absl import logging
from etils import epath

from suncet_jax import terminal
from suncet_jax.broadcast import is_first
from suncet_jax.data.tensorflow import hide_accelerators
from suncet_jax.train.display import Display
from suncet_jax.train.metrics_file import MetricsFile


class Monitor:
  """Writes the metrics of a run; only process 0 does."""

  def __init__(
    self,
    workdir: epath.PathLike,
    *,
    resume_step: int,
    total_steps: int,
    seconds: float,
    began: float,
    tensorboard: bool,
  ) -> None:
    """Opens the files.

    Args:
      workdir: The run's folder.
      resume_step: The step that the run goes on from.
      total_steps: Where it will end.
      seconds: Time that it took until `resume_step`.
      began: When this process began to load data, by `time.monotonic()`.
      tensorboard: Whether to write TensorBoard events too.
    """
    folder = epath.Path(workdir)
    self._is_writer = is_first()
    self._total_steps = total_steps
    self._start_step, self._start_seconds = resume_step, seconds
    self._began = began
    self._start = self._last = time.monotonic()
    self._last_images: int | None = None
    self._timed_from: tuple[int, float] | None = None  # step, time
    self._wait = 0.0
    self._events: Any = None  # a writer of clu's, or None
    if self._is_writer:
      self._table = MetricsFile(folder / "metrics.csv", resume_step)
      if tensorboard:
        hide_accelerators()
        # It brings TensorFlow, which not every run needs.
        from clu import metric_writers

        self._events = metric_writers.SummaryWriter(str(folder))
      self._display = Display(total_steps)

  @property
  def seconds(self) -> float:
    """Seconds of training so far, those before an interruption included."""
    return self._start_seconds + time.monotonic() - self._start

  def first_step_done(self) -> None:
    """Says how long it took to get going: data, compilation, one step."""
    if self._is_writer:
      seconds = time.monotonic() - self._began
      terminal.say(f"First step after {seconds:.1f} s")

  def waited(self, seconds: float) -> None:
    """Notes that the loop waited for input."""
    self._wait += seconds

  @contextlib.contextmanager
  def outside_of_training(self) -> Iterator[None]:
    """Leaves what happens inside out of the images per second."""
    before = time.monotonic()
    yield
    self._last += time.monotonic() - before

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
      step: Steps taken.
      epoch: The same in epochs over the unlabelled pool.
      images: Images encoded so far, views counted singly.
      metrics: By name.
      flops: Estimated floating-point operations so far.
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
    self._on_events("write_scalars", step, scalars)
    self._show(step, row)

  def _show(self, step: int, row: Mapping[str, float]) -> None:
    now = time.monotonic()
    since_step, since = self._timed_from or (self._start_step, self._start)
    left = (now - since) / (step - since_step) * (self._total_steps - step)
    # The first line's time holds the compilation: later ones leave it out.
    self._timed_from = self._timed_from or (step, now)
    self._display.show(row, left)

  def __enter__(self) -> "Monitor":
    """Returns itself; leaving ends what it shows, but not the files."""
    return self

  def __exit__(self, *error: object) -> None:
    """Leaves the terminal to others."""
    if self._is_writer:
      self._display.close()

  def close(self) -> None:
    """Puts everything on disk and ends."""
    self.flush()
    self._on_events("close")
    if self._is_writer:
      self._display.close()

  def flush(self) -> None:
    """Puts everything on disk; called before a checkpoint is saved."""
    if self._is_writer:
      self._table.write()
    self._on_events("flush")

  def _on_events(self, method: str, *arguments: Any) -> None:
    """Writes TensorBoard events; where that fails, the run does without."""
    if self._events is None:
      return
    try:
      getattr(self._events, method)(*arguments)
    except Exception as error:  # TensorFlow's own kinds; a full disk, say
      self._events = None
      logging.error("No more TensorBoard events until a restart: %s", error)
