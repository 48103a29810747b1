"""What the input table does not say: opening a stream, waiting for input."""

from typing import Any

import table
from input_core import one_cpu
from workers import Worker, WorkerError

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
  lines = [
    table.head(
      [
        "step",
        "splits, s",
        "first batch, s",
        "together, s",
        "MB, before -> after",
      ]
    )
  ]
  for step in (0, _FAR):
    facts = _facts(
      "input_opening:make", step=step, records=_RECORDS, classes=_CLASSES
    )
    lines.append(table.line([f"{step:,}", *_opening_cells(facts)]))
  return "\n".join([_OPENING, "", *lines])


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
  titles = ["images", "waits", "ms per step", "views per second"]
  lines, steps = [table.head(titles)], 0.0
  for images, title in (
    ("arrays", "arrays of 32x32 in memory"),
    ("jpegs", "JPEGs of 500x375 in memory"),
  ):
    facts = _facts("input_training:make", images=images)
    if "error" in facts:
      lines.append(table.line([title, facts["error"], "", ""]))
      continue
    steps, seconds = facts["steps"], facts["seconds"]
    cells = [f"{facts['wait_share']:.2%}", f"{1e3 * seconds:,.0f}"]
    views = f"{facts['rows'] / seconds:,.0f}"
    lines.append(table.line([title, *cells, views]))
  return "\n".join([_TRAINING.format(steps=steps), "", *lines])


def parts() -> str:
  """Takes our way from a JPEG file to two views apart."""
  with one_cpu():
    facts = _facts("input_parts:make")
  lines = [table.head(["part", "ms per image"])]
  for name, value in facts.items():
    if name != "peak_bytes":
      shown = value if name == "error" else f"{value:.2f}"
      lines.append(table.line([name, shown]))
  return "\n".join([_PARTS, "", *lines])


EXTRAS = {"parts": parts, "opening": opening, "training": training}


def _facts(maker: str, **arguments: Any) -> dict[str, Any]:
  """Returns what a process of its own finds out, or its "error"."""
  try:
    with Worker(maker, **arguments) as worker:
      worker.wait_until_ready()
      return worker.facts()
  except WorkerError as error:
    return {"error": str(error)}
