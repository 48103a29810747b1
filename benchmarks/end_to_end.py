"""Times input and step together: the fashion_mnist config and PyTorch's way.

    python benchmarks/end_to_end.py [--repeats=9] [--out=table.md]

Both train the network of `configs/fashion_mnist.py` on the same images with
the same batches, augmentation and losses, in float32. Ours makes the views in
the step; PyTorch's come from torchvision's transforms of PIL images in as many
worker processes as there are CPUs, and its network is channels-last. They are
measured in turn, ten steps each (see `workers`); while one is not measured its
readers are stopped too, so that they do not read ahead. Needs torch,
torchvision and pillow; TFDS downloads the images where they are missing.
"""

import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

import command
import machine
import table
from workers import Worker, take_turns

_STEPS = 10
_TITLES = {"torch": "torchvision PIL + PyTorch", "ours": "ours"}


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = command.parser(__doc__, repeats=9).parse_args(arguments)
  with tempfile.TemporaryDirectory() as folder:
    views = _write_data(folder)
    seconds, failures = _measure(folder, options.repeats)
  explanation = (
    f"Median milliseconds per step over {options.repeats} turns of {_STEPS} "
    f"steps (fastest in brackets); a step encodes {views} views."
  )
  rows = [
    table.line([_TITLES[name], table.milliseconds(times), _rate(views, times)])
    for name, times in seconds.items()
  ]
  parts = (
    machine.header(has_torch=True),
    explanation,
    "\n".join([table.head(["", "ms per step", "views per second"]), *rows]),
    _ratio(seconds),
    "\n".join(f"- {name}: {why}" for name, why in failures.items()),
  )
  command.publish(parts, options.out)


def _write_data(folder: str) -> int:
  """Writes what PyTorch reads; returns the views that a step encodes."""
  script = pathlib.Path(__file__).with_name("fashion_data.py")
  subprocess.run([sys.executable, script, folder], check=True)
  text = pathlib.Path(folder, "config.json").read_text()
  data = json.loads(text)["data"]
  labelled = data["labelled"]
  return (
    2 * data["batch_size"]
    + labelled["classes_per_batch"] * labelled["images_per_class"]
  )


def _measure(
  folder: str, repeats: int
) -> tuple[dict[str, list[float]], dict[str, str]]:
  """Returns seconds per step and reasons of failures, both by name."""
  with (
    Worker("torch_job:make", folder=folder) as theirs,
    Worker("our_job:make") as ours,
  ):
    workers = {"torch": theirs, "ours": ours}
    return take_turns(workers, rounds=repeats, steps=_STEPS)


def _ratio(seconds: Mapping[str, Sequence[float]]) -> str:
  ratio = table.ratio(seconds.get("torch"), seconds.get("ours"))
  return ratio and f"PyTorch takes {ratio} times as long as ours."


def _rate(views: int, seconds: Sequence[float]) -> str:
  return f"{views / statistics.median(seconds):,.0f}"


if __name__ == "__main__":
  main(sys.argv[1:])
