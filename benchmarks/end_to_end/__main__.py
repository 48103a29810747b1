"""Times input and step together: the fashion_mnist config and PyTorch's way.

    python -m benchmarks.end_to_end [--repeats=9] [--out=table.md]

Both train the network of `configs/fashion_mnist.py` on the same images with
the same batches, augmentation and losses, in float32. Ours makes the views in
the step; PyTorch's come from torchvision's transforms of PIL images in as many
worker processes as there are CPUs, and its network is channels-last. They are
measured in turn, ten steps each (see `harness.workers`); while one is not
measured its readers are stopped too, so that they do not read ahead. Needs
torch, torchvision and pillow; TFDS downloads the images where they are missing.
"""

import statistics
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.harness import command, machine
from benchmarks.harness.columns import Column, measure
from benchmarks.harness.workers import find_out

_STEPS = 10


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = command.parser(__doc__, repeats=9).parse_args(arguments)
  with tempfile.TemporaryDirectory() as folder:
    views = find_out("benchmarks.end_to_end.ours:write", folder=folder)["views"]
    columns = _columns(folder)
    seconds, _, failures = measure(columns, options.repeats, _STEPS)
  explanation = (
    f"Median milliseconds per step over {options.repeats} turns of {_STEPS} "
    f"steps (fastest in brackets); a step encodes {views} views."
  )
  rows = [
    [columns[name].title, command.milliseconds(times), _rate(views, times)]
    for name, times in seconds.items()
  ]
  ratio = command.ratio(seconds.get("torch"), seconds.get("ours"))
  parts = (
    machine.header(has_torch=True),
    explanation,
    command.table(["", "ms per step", "views per second"], rows),
    ratio and f"PyTorch takes {ratio} times as long as ours.",
    "\n".join(f"- {name}: {why}" for name, why in failures.items()),
  )
  command.publish(parts, options.out)


def _columns(folder: str) -> dict[str, Column]:
  return {
    "torch": Column(
      "torchvision PIL + PyTorch",
      "benchmarks.end_to_end.torch_jobs:make",
      {"folder": folder},
    ),
    "ours": Column("ours", "benchmarks.end_to_end.ours:make", {}),
  }


def _rate(views: int, seconds: Sequence[float]) -> str:
  return f"{views / statistics.median(seconds):,.0f}"


if __name__ == "__main__":
  main(sys.argv[1:])
