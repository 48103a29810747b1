"""Extras beside the input table: opening a stream, waiting for input."""

from typing import Any

from benchmarks.harness import command
from benchmarks.harness.workers import WorkerError, find_out, one_cpu

_FAR = 10_000_000  # steps
_RECORDS, _CLASSES = 1_281_167, 1000  # ImageNet's

_PARTS = """\
### From a JPEG file to two views, ours

The parts of the row of JPEGs, each for all 64 images before the next one, on
one CPU, in CPU time. "Device" is the jitted augmentation of both views."""
_OPENING = f"""\
### Opening a stream

{_RECORDS:,} records of {_CLASSES:,} classes, all the same JPEG in memory;
batches of 64 images (two views of 224x224) and 20 x 2 labelled ones (one view);
all CPUs, in time. "Splits" are made once per run. "First batch" is from there
to the batch on the device: samplers, the order of the epoch, and four further
batches begun. Imports, JAX's start, reading an index file and compiling the
step are not included. Memory is the most that the process held, before and
after."""
_TRAINING = """\
### Waiting for input

`configs/cifar10.py` (ResNet-18, SimCLR + SuNCEt, float32) with views of 32x32,
64 images in two views and 20 labelled ones per step, on all CPUs. The share is
`input_wait_share` of metrics.csv over {steps:.0f} steps after the first. Each
of them is logged, so that the loop waits for every step, and no step computes
while it waits for input."""


def opening() -> str:
  """Opens a stream at the beginning and far into a training."""
  titles = [
    "step",
    "splits, s",
    "first batch, s",
    "together, s",
    "MB, before -> after",
  ]
  rows = []
  for step in (0, _FAR):
    facts = _facts(
      "opening:make", step=step, records=_RECORDS, classes=_CLASSES
    )
    rows.append([f"{step:,}", *_opening_cells(facts)])
  return f"{_OPENING}\n\n{command.table(titles, rows)}"


def _opening_cells(facts: dict[str, Any]) -> list[str]:
  if "error" in facts:
    return [facts["error"], "", "", ""]
  splits, batch = facts["splits"], facts["batch"]
  peaks = [
    f"{facts[name] / 1e6:.0f}" if facts[name] else "unknown"
    for name in ("peak_before", "peak_after")
  ]
  times = [f"{time:.2f}" for time in (splits, batch, splits + batch)]
  return [*times, " -> ".join(peaks)]


def training() -> str:
  """Trains a few steps on arrays and on image files."""
  rows, steps = [], 0.0
  for images, title in (
    ("arrays", "arrays of 32x32 in memory"),
    ("jpegs", "JPEGs of 500x375 in memory"),
  ):
    facts = _facts("waiting:make", images=images)
    if "error" in facts:
      rows.append([title, facts["error"], "", ""])
      continue
    steps, seconds = facts["steps"], facts["seconds"]
    waits, views = facts["wait_share"], facts["rows"] / seconds
    rows.append(
      [title, f"{waits:.2%}", f"{1e3 * seconds:,.0f}", f"{views:,.0f}"]
    )
  titles = ["images", "waits", "ms per step", "views per second"]
  return f"{_TRAINING.format(steps=steps)}\n\n{command.table(titles, rows)}"


def parts() -> str:
  """Times the parts of our way from a JPEG file to two views."""
  with one_cpu():
    facts = _facts("parts:make")
  rows = [
    [name, value if name == "error" else f"{value:.2f}"]
    for name, value in facts.items()
    if name != "peak_bytes"
  ]
  return f"{_PARTS}\n\n{command.table(['part', 'ms per image'], rows)}"


EXTRAS = {"parts": parts, "opening": opening, "training": training}


def _facts(maker: str, **arguments: Any) -> dict[str, Any]:
  """Returns the facts of a job in a process of its own, or its "error"."""
  try:
    return find_out(f"benchmarks.input.{maker}", **arguments)
  except WorkerError as error:
    return {"error": str(error)}
