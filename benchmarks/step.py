"""Times whole training steps: PyTorch, plain Flax and this package.

    python benchmarks/step.py [--rows=small,wrn] [--repeats=15]
        [--columns=torch_fp32,ours_fp32] [--out=table.md]

A step is the forward pass in training mode, NT-Xent at temperature 0.1 between
the two halves of the batch, the backward pass and SGD with momentum. All
columns of a row are measured in turn, one step each, in processes of their own
(see `workers`). PyTorch is optional: without it its columns stay empty.
"""

import argparse
import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import command
import machine
import table
from rows import ROWS
from workers import Worker, take_turns


class Column(NamedTuple):
  """What is timed.

  Attributes:
    title: in the table.
    maker: of the job, see `Worker`.
    dtype: of the computation.
  """

  title: str
  maker: str
  dtype: str


COLUMNS = {
  "torch_fp32": Column("PyTorch fp32", "torch_step:make", "float32"),
  "torch_bf16": Column("PyTorch bf16", "torch_step:make", "bfloat16"),
  "flax_fp32": Column("plain Flax fp32", "flax_step:make", "float32"),
  "flax_bf16": Column("plain Flax bf16", "flax_step:make", "bfloat16"),
  "ours_fp32": Column("ours fp32", "our_step:make", "float32"),
  "ours_bf16": Column("ours bf16", "our_step:make", "bfloat16"),
}

# How many times as long the first takes as the second.
RATIOS = (
  ("torch_fp32", "ours_fp32"),
  ("torch_bf16", "ours_bf16"),
  ("flax_fp32", "ours_fp32"),
  ("flax_bf16", "ours_bf16"),
)

_DEFAULT_ROWS = "small,resnet18,wrn,resnet50"


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = _parse(arguments)
  lines = [table.head(_titles(options.columns))]
  notes = []
  for row in options.rows:
    seconds, failures = _measure(row, options.columns, options.repeats)
    lines.append(table.line(_cells(row, options.columns, seconds)))
    print(lines[-1], file=sys.stderr)  # the whole takes a while
    notes += [f"- {row}, {column}: {why}" for column, why in failures.items()]
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


def _measure(
  row: str, columns: Sequence[str], repeats: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
  """Returns seconds per step and reasons of failures, both by column."""
  with contextlib.ExitStack() as stack:
    workers = {
      name: stack.enter_context(
        Worker(COLUMNS[name].maker, row=row, dtype=COLUMNS[name].dtype)
      )
      for name in columns
    }
    return take_turns(workers, rounds=repeats, steps=1)


def _ratios(columns: Sequence[str]) -> list[tuple[str, str]]:
  return [pair for pair in RATIOS if set(pair) <= set(columns)]


def _titles(columns: Sequence[str]) -> list[str]:
  ratios = [
    f"{COLUMNS[theirs].title} / {COLUMNS[ours].title}"
    for theirs, ours in _ratios(columns)
  ]
  times = [COLUMNS[name].title for name in columns]
  return ["net, rows of the batch", *times, *ratios]


def _cells(
  row: str, columns: Sequence[str], seconds: Mapping[str, list[float]]
) -> list[str]:
  times = [table.milliseconds(seconds.get(name)) for name in columns]
  ratios = [
    table.ratio(seconds.get(theirs), seconds.get(ours))
    for theirs, ours in _ratios(columns)
  ]
  return [ROWS[row].title, *times, *ratios]


if __name__ == "__main__":
  main(sys.argv[1:])
