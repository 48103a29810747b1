"""Progress of a run on standard error: a bar on a terminal, else lines."""

import sys
from collections.abc import Mapping, Sequence

from rich.text import Text

from suncet_jax.console import terminal
from suncet_jax.console.progress import bar, facts, remaining
from suncet_jax.console.waiting import Waiting
from suncet_jax.plugins import Series

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
    self._waiting: Waiting | None = Waiting("compiling the first step")
    self._live = self._waiting.live

  def started(self, step: int) -> None:
    """Shows that the first step is done, until there are metrics."""
    self._end_waiting()
    if self._live:
      done = step / self._total_steps
      self._live.update(bar(done, f"step {step}/{self._total_steps}"))

  def show(self, row: Mapping[str, float], left: float | None) -> None:
    """Shows the metrics of a step.

    Args:
      row: Metrics by name, with `step` and `epoch`.
      left: Seconds left until the end; None: they are not known yet.
    """
    self._end_waiting()
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
    """Ends the bar in its latest state; nothing stays if there is none yet."""
    self._end_waiting()
    if self._live:
      self._live.stop()
      self._live = None

  def _end_waiting(self) -> None:
    if self._waiting:
      self._waiting.end()
      self._waiting = None
      if self._live:
        self._live.update(Text(""))
