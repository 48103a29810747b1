"""Counts what a training step sends, and predicts steps on many devices.

    python -m benchmarks.scaling [--rows=digits,imagenet] [--devices=2,4,8]
        [--out=table.md]

Each step is compiled for virtual CPU devices, as `suncet_jax.main` would train
with it, and its collectives are read from the compiled program; nothing runs.
A formula gives the same numbers from the sizes of network and batch. With it,
and with what `machines.py` assumes, the time of a step of `configs/imagenet.py`
is predicted for 8 to 4,096 accelerators: a prediction, which nobody has
compared with any accelerator.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence

import jax

from benchmarks.harness import command, machine
from benchmarks.scaling import tables, traffic
from benchmarks.scaling.step import ROWS, Setup, Step, compile_step
from benchmarks.scaling.traffic import Batch
from suncet_jax.preflight.collectives import through_links

# By default; the larger networks take minutes to compile.
_DEVICES = {"digits": (1, 2, 4, 8), "cifar10": (2, 8), "imagenet": (8,)}
_OTHER_DEVICES = (2, 4, 8)
_MOST_DEVICES = 8


def main(arguments: Sequence[str]) -> None:
  """Compiles, counts, predicts and prints."""
  options = _parse(arguments)
  jax.config.update("jax_platforms", "cpu")
  jax.config.update("jax_num_cpu_devices", _MOST_DEVICES)
  # A program from a cache does not say how it was partitioned.
  jax.config.update("jax_enable_compilation_cache", False)
  lines, steps = [command.table_head(_TITLES)], {}
  for name in options.rows:
    for devices in options.devices or _DEVICES.get(name, _OTHER_DEVICES):
      steps[name] = compile_step(ROWS[name], devices)
      lines.append(command.table_line(_cells(name, devices, steps[name])))
      print(lines[-1], file=sys.stderr)  # the whole takes a while
  header = machine.header(
    has_torch=False,
    has_convolution=False,
    packages=("jax", "jaxlib", "flax", "optax"),
  )
  parts = header, "\n".join(lines), _purposes(steps), *tables.predictions()
  command.publish(parts, options.out)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__)
  parser.add_argument(
    "--rows", type=command.names(ROWS), default=",".join(ROWS)
  )
  parser.add_argument(
    "--devices",
    type=lambda text: [int(count) for count in text.split(",")],
    help=f"up to {_MOST_DEVICES}",
  )
  return parser.parse_args(arguments)


_TITLES = (
  "step",
  "images",
  "labelled views",
  "d",
  "parameters",
  "devices",
  "collectives, partitioned",
  "collectives, compiled",
  "bytes, partitioned",
  "bytes, compiled",
  "bytes by formula",
  "bytes sent per device",
)


def _cells(name: str, devices: int, step: Step) -> list[str]:
  batch = _batch(ROWS[name], step)
  asked, counted = (
    traffic.total(traffic.counted(found))
    for found in (step.asked_for, step.collectives)
  )
  expected = 0
  if devices > 1:
    expected = traffic.total(traffic.expected(step.network, batch)).size
  return [
    name,
    *(f"{number:,}" for number in batch),
    f"{step.network.parameters:,}",
    f"{devices}",
    f"{traffic.instructions(step.asked_for)}",
    f"{traffic.instructions(step.collectives)}",
    f"{asked.size:,}",
    f"{counted.size:,}",
    f"{expected:,}",
    f"{through_links(step.collectives, devices):,.0f}",
  ]


def _batch(setup: Setup, step: Step) -> Batch:
  return Batch(setup.images, setup.labelled * step.views, step.embedding)


def _purposes(steps: Mapping[str, Step]) -> str:
  """Returns a table of arrays and their bytes, by what they are sent for."""
  sent = [traffic.counted(step.collectives) for step in steps.values()]
  nothing = traffic.Sent(0, 0)
  rows = []
  for purpose in traffic.PURPOSES:
    parts = (each.get(purpose, nothing) for each in sent)
    rows.append([purpose, *(f"{p.arrays}: {p.size:,}" for p in parts)])
  return command.table(["arrays: bytes", *steps], rows)


if __name__ == "__main__":
  main(sys.argv[1:])
