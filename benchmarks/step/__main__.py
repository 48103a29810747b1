"""Times whole training steps: PyTorch, plain Flax and this package.

    python -m benchmarks.step [--rows=small,wrn] [--repeats=15]
        [--columns=torch_fp32,ours_fp32] [--out=table.md]

A step is the forward pass in training mode, NT-Xent at temperature 0.1 between
the two halves of the batch, the backward pass and SGD with momentum. All
columns of a row are measured in turn, one step each, in processes of their own
(see `harness.workers`). PyTorch is optional: without it its columns stay empty.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.harness import command, machine
from benchmarks.harness.columns import Column, Turns, measure, pairs_among
from benchmarks.step.rows import ROWS


def _column(title: str, maker: str, dtype: str) -> Column:
  return Column(title, f"benchmarks.step.{maker}", {"dtype": dtype})


COLUMNS = {
  "torch_fp32": _column("PyTorch fp32", "torch_jobs:make", "float32"),
  "torch_bf16": _column("PyTorch bf16", "torch_jobs:make", "bfloat16"),
  "flax_fp32": _column("plain Flax fp32", "jax_jobs:make_flax", "float32"),
  "flax_bf16": _column("plain Flax bf16", "jax_jobs:make_flax", "bfloat16"),
  "ours_fp32": _column("ours fp32", "jax_jobs:make_ours", "float32"),
  "ours_bf16": _column("ours bf16", "jax_jobs:make_ours", "bfloat16"),
}

# Ratios: time of the first column by that of the second.
RATIOS = (
  ("torch_fp32", "ours_fp32"),
  ("torch_bf16", "ours_bf16"),
  ("flax_fp32", "ours_fp32"),
  ("flax_bf16", "ours_bf16"),
)

_DEFAULT_ROWS = "small,resnet18,wrn,resnet50,vit"


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = _parse(arguments)
  columns = {name: COLUMNS[name] for name in options.columns}
  lines = [command.table_head(_titles(options.columns))]
  notes = []
  for row in options.rows:
    turns = measure(columns, options.repeats, steps=1, row=row)
    lines.append(command.table_line(_cells(row, options.columns, turns)))
    print(lines[-1], file=sys.stderr)  # the whole takes a while
    notes += [f"- {row}, {name}: {why}" for name, why in turns.failures.items()]
  explanation = (
    f"Median milliseconds of {options.repeats} steps (fastest in brackets), "
    "all columns of a row in turn. PyTorch is channels-last, its bf16 is "
    "autocast. Ratios are of medians: how many times as long."
  )
  has_torch = any(name.startswith("torch") for name in options.columns)
  header = machine.header(has_torch=has_torch)
  parts = header, explanation, "\n".join(lines), "\n".join(notes)
  command.publish(parts, options.out)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__, repeats=15)
  parser.add_argument("--rows", type=command.names(ROWS), default=_DEFAULT_ROWS)
  parser.add_argument(
    "--columns", type=command.names(COLUMNS), default=",".join(COLUMNS)
  )
  return parser.parse_args(arguments)


def _titles(columns: Sequence[str]) -> list[str]:
  ratios = [
    f"{COLUMNS[theirs].title} / {COLUMNS[ours].title}"
    for theirs, ours in pairs_among(RATIOS, columns)
  ]
  times = [COLUMNS[name].title for name in columns]
  return ["net, rows of the batch", *times, *ratios]


def _cells(row: str, columns: Sequence[str], turns: Turns) -> list[str]:
  seconds = turns.seconds
  times = [command.milliseconds(seconds.get(name)) for name in columns]
  ratios = [
    command.ratio(seconds.get(theirs), seconds.get(ours))
    for theirs, ours in pairs_among(RATIOS, columns)
  ]
  return [ROWS[row].title, *times, *ratios]


if __name__ == "__main__":
  main(sys.argv[1:])
