"""Counts what a training step sends, and predicts steps on many devices.

    python benchmarks/scaling.py [--rows=digits,imagenet] [--devices=2,4,8]
        [--out=table.md]

Each step is compiled for virtual CPU devices, as `suncet_jax.main` would train
with it, and its collectives are read from the compiled program; nothing runs.
A formula gives the same numbers from the sizes of network and batch. With it,
and with what `scaling_machines.py` assumes, the time of a step of
`configs/imagenet.py` is predicted for 8 to 4,096 accelerators: a prediction,
which nobody has compared with any accelerator.
"""

import argparse
import pathlib
import sys
from collections.abc import Mapping, Sequence

import command
import jax
import machine
import scaling_bytes
import scaling_model
import scaling_step
import scaling_tables
import table
from scaling_bytes import Batch
from scaling_machines import MACHINES
from scaling_step import Row, Step

ROWS = {
  "digits": Row("digits", 128, 48),
  "digits_d32": Row("digits", 128, 48, embedding=32),
  "digits_larger": Row("digits", 512, 96),
  "digits_blocks": Row("digits", 8192, 4096),
  "digits_bf16": Row("digits", 128, 48, bf16=True),
  "cifar10": Row("cifar10", 64, 16),
  "imagenet": Row("imagenet", 16, 16),
}

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
  lines, steps = [table.head(_TITLES)], {}
  for name in options.rows:
    for devices in options.devices or _DEVICES.get(name, _OTHER_DEVICES):
      steps[name] = scaling_step.compile_step(ROWS[name], devices)
      lines.append(table.line(_cells(name, devices, steps[name])))
      print(lines[-1], file=sys.stderr)  # the whole takes a while
  header = machine.header(
    has_torch=False,
    has_convolution=False,
    packages=("jax", "jaxlib", "flax", "optax"),
  )
  parts = header, "\n".join(lines), _purposes(steps), *predictions()
  command.publish(parts, options.out)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument(
    "--rows", type=command.names(ROWS), default=",".join(ROWS)
  )
  parser.add_argument(
    "--devices",
    type=lambda text: [int(count) for count in text.split(",")],
    help=f"up to {_MOST_DEVICES}",
  )
  parser.add_argument("--out", type=pathlib.Path, help="also write it there")
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
    scaling_bytes.total(scaling_bytes.counted(found))
    for found in (step.asked_for, step.collectives)
  )
  expected = 0
  if devices > 1:
    expected = scaling_bytes.total(
      scaling_bytes.expected(step.network, batch)
    ).size
  return [
    name,
    *(f"{number:,}" for number in batch),
    f"{step.network.parameters:,}",
    f"{devices}",
    f"{scaling_bytes.instructions(step.asked_for)}",
    f"{scaling_bytes.instructions(step.collectives)}",
    f"{asked.size:,}",
    f"{counted.size:,}",
    f"{expected:,}",
    f"{scaling_bytes.through_links(step.collectives, devices):,.0f}",
  ]


def _batch(row: Row, step: Step) -> Batch:
  return Batch(row.images, row.labelled * step.views, step.embedding)


def _purposes(steps: Mapping[str, Step]) -> str:
  """Returns a table of arrays and their bytes, by what they are sent for."""
  sent = [scaling_bytes.counted(step.collectives) for step in steps.values()]
  nothing = scaling_bytes.Sent(0, 0)
  lines = [table.head(["arrays: bytes", *steps])]
  for purpose in scaling_bytes.PURPOSES:
    parts = (each.get(purpose, nothing) for each in sent)
    cells = [f"{part.arrays}: {part.size:,}" for part in parts]
    lines.append(table.line([purpose, *cells]))
  return "\n".join(lines)


def predictions() -> list[str]:
  """Returns assumptions and tables of predicted steps; compiles nothing."""
  row = ROWS["imagenet"]
  parts = scaling_step.make_experiment(row)
  embedding = parts.config.model.head.out
  network = scaling_step.network(parts)
  work = scaling_model.resnet50_work(network, embedding)
  counts = scaling_tables.DEVICE_COUNTS
  texts = [
    f"ResNet-50: {work.operations / 1e9:.1f} GFLOP and "
    f"{work.activations / 1e6:.0f} MB of activations per row; "
    f"{network.parameters:,} parameters, {network.norms} batch norms with "
    f"{network.channels:,} channels, {network.waits} in a row.",
    scaling_tables.assumptions(),
  ]
  for each in MACHINES:
    texts += [
      f"### {each.title}, 128 rows per device",
      scaling_tables.predicted(
        each, work, scaling_tables.weak(embedding), counts
      ),
      f"### {each.title}, 8,192 rows",
      scaling_tables.predicted(
        each, work, scaling_tables.strong(embedding), counts[:6]
      ),
    ]
  return texts


if __name__ == "__main__":
  main(sys.argv[1:])
