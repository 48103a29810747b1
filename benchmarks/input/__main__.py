"""Times input: views per core, opening far into a training, and waiting.

    python -m benchmarks.input [--repeats=9] [--out=table.md]
        [--rows=arrays,arrays_blur,weak_strong,jpegs]
        [--columns=pil,tensor,ours_host,ours] [--extras=parts,opening,training]

The rows: images per second and core, two views of each. All columns of a row
do one pass over the same images in turn, each in a process of its own (see
`harness.workers`) that is bound to the same CPU, with one thread. CPU time is
measured, so that others on the machine disturb little. PyTorch and torchvision
are optional: without them their columns stay empty. `pil` are torchvision's
transforms of PIL images, `tensor` those of torchvision.transforms.v2; `ours` is
the stream and the views as a training step makes them; `ours_host` the part of
it that is done by threads of the host (image files: decode and crop).

The extras: the parts of our way from a JPEG file to two views; opening a stream
of as many records as ImageNet has, at step 0 and at 10,000,000; and the share
of a training's time that it waits for input, as its metrics.csv says. An empty
--rows= or --extras= leaves them out.

Needs scikit-learn and scikit-image, whose photographs are the images.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Collection, Sequence

from benchmarks.harness import command, machine
from benchmarks.harness.columns import Column, Turns, measure, pairs_among
from benchmarks.harness.workers import CoreWorker, one_cpu
from benchmarks.input import images
from benchmarks.input.extras import EXTRAS
from benchmarks.input.images import ROWS

COLUMNS = {
  "pil": Column(
    "torchvision PIL", "benchmarks.input.torch_jobs:make", {"form": "pil"}
  ),
  "tensor": Column(
    "torchvision v2", "benchmarks.input.torch_jobs:make", {"form": "tensor"}
  ),
  "ours_host": Column(
    "ours, host part only", "benchmarks.input.ours:make", {"host_only": True}
  ),
  "ours": Column(
    "ours, whole", "benchmarks.input.ours:make", {"host_only": False}
  ),
}

# Ratios: images of the second column by those of the first in the same time.
RATIOS = (("pil", "ours_host"), ("pil", "ours"), ("tensor", "ours"))

_DEFAULT_ROWS = "arrays,arrays_blur,weak_strong,jpegs"
_PACKAGES = ("jax", "jaxlib", "numpy", "torchvision", "pillow")
_TORCH_COLUMNS = {"pil", "tensor"}
# Arrays need no decoding: the host has no part in them.
_OF_ENCODED = {"ours_host"}
_EXPLANATION = (
  "Images per second and core, two views of each: median of {repeats} passes "
  "(best in brackets), all columns of a row in turn, in CPU time, each in a "
  "process that is bound to the same one CPU, with one thread. Ratios are of "
  'medians: how many times as many. "Host part only" leaves out what the '
  "training step does on the device: flip, colours, blur and conversion to "
  "float32. Pillow decodes in all columns; torchvision v2 works on tensors of "
  "uint8."
)


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = _parse(arguments)
  header = machine.header(
    has_torch=bool(options.rows and _TORCH_COLUMNS & set(options.columns)),
    has_convolution="training" in options.extras,
    packages=_PACKAGES,
  )
  parts = [f"{header}\n- {machine.load()}"]
  if options.rows:
    parts += _views(options.rows, options.columns, options.repeats)
  parts += [EXTRAS[name]() for name in options.extras]
  command.publish(parts, options.out)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__, repeats=9)
  parser.add_argument("--rows", type=_some(ROWS), default=_DEFAULT_ROWS)
  parser.add_argument(
    "--columns", type=command.names(COLUMNS), default=",".join(COLUMNS)
  )
  parser.add_argument(
    "--extras",
    type=_some(EXTRAS),
    default=",".join(EXTRAS),
  )
  return parser.parse_args(arguments)


def _some(valid: Collection[str]) -> Callable[[str], list[str]]:
  """Returns a parser of comma-separated names, or of none."""
  parse = command.names(valid)
  return lambda text: parse(text) if text else []


def _views(
  rows: Sequence[str], columns: Sequence[str], repeats: int
) -> list[str]:
  """Measures the rows; returns explanation, table and notes."""
  ratios = pairs_among(RATIOS, columns)
  titles = [
    *(COLUMNS[name].title for name in columns),
    *(f"{COLUMNS[b].title} / {COLUMNS[a].title}" for a, b in ratios),
  ]
  lines, notes = [command.table_head(["images", *titles])], []
  for row in rows:
    seconds, _, failures = _measure(row, columns, repeats)
    cells = [
      *(_rate(ROWS[row].images, seconds.get(name)) for name in columns),
      *(command.ratio(seconds.get(a), seconds.get(b)) for a, b in ratios),
    ]
    lines.append(command.table_line([ROWS[row].title, *cells]))
    print(lines[-1], file=sys.stderr)  # the whole takes a while
    notes += [
      f"- {ROWS[row].title}, {COLUMNS[name].title}: {why}"
      for name, why in failures.items()
    ]
  explanation = _EXPLANATION.format(repeats=repeats)
  return [explanation, "\n".join(lines), "\n".join(notes)]


def _measure(row: str, columns: Sequence[str], repeats: int) -> Turns:
  """Takes turns of the columns that make sense for the row, in CPU time."""
  is_encoded = ROWS[row].is_encoded
  chosen = {
    name: COLUMNS[name]
    for name in columns
    if is_encoded or name not in _OF_ENCODED
  }
  with tempfile.TemporaryDirectory() as folder:
    images.write(ROWS[row], pathlib.Path(folder))
    with one_cpu():
      return measure(
        chosen, repeats, steps=1, worker=CoreWorker, row=row, folder=folder
      )


def _rate(count: int, seconds: Sequence[float] | None) -> str:
  """Returns "median (best)" in images per second, or nothing."""
  if not seconds:
    return ""
  rates = [count / each for each in seconds]
  return f"{statistics.median(rates):,.0f} ({max(rates):,.0f})"


if __name__ == "__main__":
  main(sys.argv[1:])
