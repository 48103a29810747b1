"""Times the losses, value and gradient: ours, PyTorch's, optax's and others'.

    python -m benchmarks.losses [--losses=ntxent,suncet] [--repeats=9]
        [--rows=1024x128,2048x2048] [--columns=ours_fp32,torch,limit]
        [--rss=32768x128] [--steps=3] [--out=table.md]

Rows are standard normal embeddings [n, d] in float32; NT-Xent sees n / 2 images
in two views, SuNCEt 16 rows of each class. All columns of a row are measured in
turn, in processes of their own (see `harness.workers`). Columns that do not fit
into memory together are measured in groups, ours in each of them, and a ratio
compares two columns of the same group. "limit" is what the products and
exponentials alone would take (see `limits`).

PyTorch, lightly and pytorch-metric-learning are optional: without them their
columns stay empty. `--rss` is the row at which the memory of one process with
both losses is printed; by default 32768x128 if that is among the rows.
`--steps` is how many make a turn: the first one after another column's turn
finds cold caches, which tells on losses that take milliseconds.

The machine must be idle: PyTorch's threads wait for one another without sleep,
and take tens of times as long where another process wants a CPU.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

from benchmarks.harness import command, machine
from benchmarks.harness.columns import Column, pairs_among
from benchmarks.losses import measure, tables
from benchmarks.losses.columns import (
  COLUMNS,
  LIMITED,
  NAMES,
  RATIOS,
  TITLES,
  Embeddings,
  parse,
  parse_all,
)
from benchmarks.losses.measure import Measured

_DEFAULT_ROWS = (
  "1024x128,2048x128,4096x128,8192x128,16384x128,32768x128,2048x2048"
)
_LARGEST = Embeddings(32768, 128)
_PACKAGES = ("jax", "jaxlib", "optax", "lightly", "pytorch-metric-learning")
_TORCH_COLUMNS = {"torch", "lightly", "metric_learning"}

_MEMORY = (
  "Megabytes: what XLA's compiler reserves for a step besides embeddings and "
  "gradient (JAX only) / the most that the whole process ever held."
)
_LIMITS = (
  "Limits: the products and exponentials alone, each at the best rate that "
  "this machine showed in the same turns. Symmetric: 2 products (4 n^2 d "
  "operations) and n^2 exponentials; textbook: 3 products and 2 n^2. A share "
  "above 1 means less work than that form's."
)


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = _parse(arguments)
  parts = [
    machine.header(
      has_torch=bool(_TORCH_COLUMNS & set(options.columns)),
      has_convolution=False,
      packages=_PACKAGES,
    )
    + f"\n- {machine.load()}",
    f"Median milliseconds of {options.repeats} turns (fastest in brackets), "
    "value and gradient together, all columns of a row in turn. Ratios are of "
    "medians: how many times as long.",
  ]
  for loss in options.losses:
    parts += _report(loss, options)
  if options.rss:
    parts.append(measure.whole_process(options.rss))
  command.publish(parts, options.out)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__, repeats=9)
  parser.add_argument(
    "--losses", type=command.names(COLUMNS), default=",".join(COLUMNS)
  )
  parser.add_argument(
    "--columns", type=command.names(NAMES), default=",".join(NAMES)
  )
  parser.add_argument("--rows", type=parse_all, default=_DEFAULT_ROWS)
  parser.add_argument("--rss", type=parse)
  parser.add_argument("--steps", type=int)
  options = parser.parse_args(arguments)
  if options.rss is None and _LARGEST in options.rows:
    options.rss = _LARGEST
  return options


def _report(loss: str, options: argparse.Namespace) -> list[str]:
  """Measures one loss; returns its tables and notes."""
  columns = {n: c for n, c in COLUMNS[loss].items() if n in options.columns}
  pairs = pairs_among(RATIOS[loss], columns)
  references = {ours for _, ours in pairs} | set(LIMITED.values())
  timed = {name: c for name, c in columns.items() if name != "limit"}
  results = {}
  for row in options.rows:
    results[row] = measure.measure_row(
      row, columns, references, options.repeats, options.steps
    )
    so_far = tables.times_table({row: results[row]}, timed, pairs)
    print(so_far.splitlines()[-1], file=sys.stderr)  # the whole takes a while
  limits = tables.limits_table(results, options.repeats)
  return [
    f"### {TITLES[loss]}",
    tables.times_table(results, timed, pairs),
    _MEMORY,
    tables.memory_table(results, timed),
    _LIMITS if limits else "",
    limits,
    _notes(results, columns),
  ]


def _notes(
  results: Mapping[Embeddings, Measured], columns: Mapping[str, Column]
) -> str:
  return "\n".join(
    f"- {row.title}, {columns[name].title}: {why}"
    for row, measured in results.items()
    for name, why in measured.notes.items()
  )


if __name__ == "__main__":
  main(sys.argv[1:])
