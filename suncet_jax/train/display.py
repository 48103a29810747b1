"""The progress of a training: a bar at a terminal, else a line each time."""

import sys
from collections.abc import Mapping

from suncet_jax import terminal
from suncet_jax.live import Region
from suncet_jax.progress import bar, facts, remaining

_SHOWN = {  # metric -> how it is shown
  "input_wait_share": "wait {:.0%}",
  "loss": "loss {:.3f}",
  "ntxent": "ntxent {:.3f}",
  "suncet": "suncet {:.3f}",
  "train_top1": "train {:.1%}",
  "learning_rate": "lr {:.3g}",
  "val_knn_top1": "knn {:.1%}",
}
_RECORD = "val_knn_top1"  # at a terminal, what stays above the bar


class Display:
  """Shows the metrics of a run on standard error."""

  def __init__(self, total_steps: int) -> None:
    """Says at a terminal that the first step is on its way.

    Args:
      total_steps: Where the run will end.
    """
    self._total_steps = total_steps
    self._region: Region | None = None
    self._latest: dict[str, str] = {}  # of each metric
    if terminal.is_terminal(sys.stderr):
      self._region = Region(sys.stderr)
      # Short: XLA may say that this is slow, in lines that cover it.
      self._region.draw(facts("compiling the first step ..."))

  def show(self, row: Mapping[str, float], left: float) -> None:
    """Shows the metrics of a step.

    Args:
      row: By name; with `step` and `epoch`.
      left: Seconds until the end.
    """
    place = f"step {row['step']}/{self._total_steps}  epoch {row['epoch']:.1f}"
    speed = row.get("images_per_second")
    texts = {"speed": f"{speed:,.0f} img/s"} if speed else {}
    metrics = {k: v.format(row[k]) for k, v in _SHOWN.items() if k in row}
    if self._region is None:
      minutes, seconds = divmod(int(left), 60)
      clock = f"left {minutes}:{seconds:02d}"
      line = [place, *texts.values(), clock, *metrics.values()]
      terminal.say("  ".join(line), sys.stderr)
      return
    self._latest |= texts | metrics
    is_record = _RECORD in metrics
    if is_record:
      kept = [place, *(metrics[k] for k in ("loss", _RECORD) if k in metrics)]
      self._region.print(facts("  ".join(kept)))
    done = row["step"] / self._total_steps
    drawn = bar(done, f"{place}  {remaining(left)}", self._below())
    self._region.draw(drawn, at_once=is_record or done == 1)

  def _below(self) -> str:
    """Returns the newest metrics, for the line below the bar."""
    order = (k for k in ("speed", *_SHOWN) if k != "learning_rate")
    return "  ".join(self._latest[k] for k in order if k in self._latest)

  def close(self) -> None:
    """Leaves the bar as it was at last."""
    if self._region:
      self._region.close()
      self._region = None
