"""What a training step takes in memory and time, by the options that trade.

    python benchmarks/step_memory.py [--row=resnet18] [--repeats=5]

A SimCLR step of one of the networks of `step.py`, as the configuration makes
it: at once, with `train.remat`, with `train.micro_batches`, in bfloat16. "Kept"
is what the forward pass keeps for the gradient besides parameters and images,
"temporaries" what the compiled program allocates besides its arguments. XLA's
CPU compiler joins again what remat wants computed twice: there only "kept"
tells what remat saves. Times are taken in turn (see `workers`).
"""

import contextlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import command
import machine
import table
from rows import ROWS
from workers import Worker, take_turns

_OPTIONS: Mapping[str, Mapping[str, Any]] = {
  "at once": {},
  "remat": {"remat": True},
  "4 micro-batches": {"micro_batches": 4},
  "16 micro-batches": {"micro_batches": 16},
  "bfloat16": {"precision": "bfloat16"},
}


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  parser = command.parser(__doc__, repeats=5)
  parser.add_argument("--row", choices=ROWS, default="resnet18")
  parser.add_argument(
    "--options", type=command.names(_OPTIONS), default=list(_OPTIONS)
  )
  options = parser.parse_args(arguments)
  row = ROWS[options.row]
  with contextlib.ExitStack() as stack:
    workers = {
      name: stack.enter_context(
        Worker("step_memory_job:make", row=options.row, **_OPTIONS[name])
      )
      for name in options.options
    }
    seconds, failures = take_turns(workers, options.repeats, steps=1)
    facts = {name: workers[name].facts() for name in seconds}
  lines = [
    table.line(
      [
        name,
        f"{facts[name]['kept'] / 1e6:,.1f}",
        f"{facts[name]['temporaries'] / 1e6:,.1f}",
        table.milliseconds(seconds[name]),
      ]
    )
    for name in seconds
  ]
  titles = ["", "kept, MB", "temporaries, MB", "ms per step"]
  parts = (
    machine.header(has_torch=False),
    f"{row.title} views of half as many images; medians of {options.repeats} "
    "turns, the fastest in brackets.",
    "\n".join([table.head(titles), *lines]),
    "\n".join(f"- {name}: {why}" for name, why in failures.items()),
  )
  command.publish(parts, options.out)


if __name__ == "__main__":
  main(sys.argv[1:])
