"""Cost of the paper's ImageNet runs with `configs/imagenet.py`.

    python -m benchmarks.scaling.imagenet_cost [--out=table.md]

Steps, images and operations follow from the configuration and ImageNet's size;
hours and memory are predicted for 64 TPU v5e and 8 H100 as in
`benchmarks.scaling`.
Nothing is trained or timed, and nobody has compared this with an accelerator.
"""

import functools
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence

from benchmarks.harness import command
from benchmarks.harness.files import load_config
from benchmarks.scaling import imagenet_recipe, model, traffic
from benchmarks.scaling.imagenet_recipe import PUBLISHED, Phase, Run
from benchmarks.scaling.machines import H100, TPU_V5E, Machine
from benchmarks.scaling.model import Work
from benchmarks.scaling.step import ROWS, make_experiment, network_of

# Machines, how many, and how many hosts they are in (vendors).
CLUSTERS = {
  "64 x TPU v5e": (TPU_V5E, 64, 16),
  "8 x H100": (H100, 8, 1),
}
# Files per second and core of one host, decoded and cropped twice:
# docs/benchmarks.md, "ours, host part only".
FILES_PER_CORE = 497
# Of parameters, gradient and momentum, in float32.
_STATE_BYTES = 12
_USABLE = 0.9  # of a device's memory
_MICRO_BATCHES = 4

_TITLES = {"simclr": "SimCLR", "suncet": "SimCLR + SuNCEt"}


def main(arguments: Sequence[str]) -> None:
  """Prints all tables."""
  options = command.parser(__doc__).parse_args(arguments)
  command.publish(tables(), options.out)


@functools.cache
def network_work() -> Work:
  """Returns the work of the configuration's network."""
  experiment = make_experiment(ROWS["imagenet"])
  return model.resnet50_work(
    network_of(experiment), experiment.config.model.head.out
  )


def seconds(
  cluster: str, work: Work, phase: Phase, operations: float = 0.0
) -> tuple[float, float]:
  """Predicts a step: with the network as estimated, and slower.

  All time but the network's is that of a step with the paper's 2,816 images and
  2,560 labelled ones; its 8,192 rows are the most of any step.

  Args:
    cluster: Key of `CLUSTERS`.
    work: Work of the network.
    phase: Phase that the step is in.
    operations: Operations of a row; 0: those of `work`.
  """
  machine, devices, _ = CLUSTERS[cluster]
  paper = imagenet_recipe.pretraining("suncet", 1).phases[0]
  embedding = load_config("imagenet").model.head.out
  batch = traffic.Batch(paper.images, paper.labelled, embedding)
  share = phase.rows / paper.rows * (operations or work.operations)
  share /= work.operations
  times = []
  for slower in (1, model.SLOWER):
    step = model.predict(machine, work, batch, devices, slower)
    forward, backward = share * step.forward, share * step.backward
    times.append(step._replace(forward=forward, backward=backward))
  return times[0].overlapped, times[1].in_turn


def duration(
  cluster: str, work: Work, run: Run, operations: float = 0.0
) -> tuple[float, float]:
  """Predicts the seconds of a run: at best and at worst."""
  each = [seconds(cluster, work, p, operations) for p in run.phases]
  steps = [phase.steps for phase in run.phases]
  best, worst = (
    sum(n * time for n, time in zip(steps, times, strict=True))
    for times in zip(*each, strict=True)
  )
  return best, worst


def share(run: Run) -> float:
  """Returns a run's share of the images of SimCLR for 1,000 epochs.

  The share of operations is the same, since all views cost the same.
  """
  return run.rows / imagenet_recipe.pretraining("simclr", 1000).rows


def share_at(top1: float) -> float:
  """Returns the share at which SuNCEt's published top-1 reaches a value.

  Interpolates linearly over images between the published epochs.
  """
  points = [
    (share(imagenet_recipe.pretraining("suncet", epochs)), accuracy)
    for epochs, (accuracy, _) in PUBLISHED["suncet"].items()
  ]
  for (few, low), (many, high) in itertools.pairwise(points):
    if low < top1 <= high:
      return few + (many - few) * (top1 - low) / (high - low)
  raise ValueError(f"SuNCEt's published top-1 never crosses {top1}")


def memory(devices: int, work: Work, size: int) -> dict[str, float]:
  """Returns the bytes per device of the paper's step, by memory option.

  Args:
    devices: Number of devices that share the step.
    work: Work of the network.
    size: Bytes of a number: 4 in float32, 2 in bfloat16.
  """
  rows = imagenet_recipe.pretraining("suncet", 1).phases[0].rows / devices
  state = _STATE_BYTES * work.network.parameters
  scale = size / 2  # activations are given in bfloat16
  return {
    "at once": state + rows * scale * work.activations,
    "train.remat=True": state
    + rows * scale * imagenet_recipe.rematerialized(work),
    f"train.micro_batches={_MICRO_BATCHES}": state
    + rows / _MICRO_BATCHES * scale * work.activations,
  }


def tables() -> list[str]:
  """Returns all parts of the output."""
  work = network_work()
  return [
    "### Pre-training",
    _pretraining(work),
    _claim(),
    "### Fine-tuning",
    _finetuning(work),
    _evaluations(),
    "### Memory per device, GB",
    _memory(work),
    "### Decoding",
    _decoding(work),
  ]


def _pretraining(work: Work) -> str:
  titles = [
    "pre-training",
    "epochs",
    "top-1, published",
    "top-5, published",
    "steps",
    "of which with labels",
    "images, millions",
    "operations, 10^18",
    "of SimCLR's 1,000 epochs",
    *(f"{name}, hours" for name in CLUSTERS),
  ]
  rows = []
  for method, points in PUBLISHED.items():
    for epochs, (top1, top5) in points.items():
      run = imagenet_recipe.pretraining(method, epochs)
      labelled = sum(p.steps for p in run.phases if p.labelled)
      rows.append(
        [
          _TITLES[method],
          f"{epochs:,}",
          f"{top1}",
          f"{top5}",
          f"{run.steps:,}",
          f"{labelled:,}",
          *_amounts(run, work, work.operations),
        ]
      )
  return command.table(titles, rows)


def _amounts(
  run: Run, work: Work, operations: float, unit: float = 3600
) -> Iterator[str]:
  """Yields cells with images, operations, share and times (in `unit` s)."""
  yield f"{run.rows / 1e6:,.1f}"
  yield f"{run.rows * operations / 1e18:.3g}"
  total = imagenet_recipe.pretraining("simclr", 1000).rows * work.operations
  yield f"{100 * run.rows * operations / total:.3g} %"
  for name in CLUSTERS:
    yield _range(each / unit for each in duration(name, work, run, operations))


def _range(ends: Iterable[float]) -> str:
  """Returns two estimates with two digits each."""
  return " - ".join(f"{float(f'{end:.2g}'):,g}" for end in ends)


def _claim() -> str:
  run = imagenet_recipe.pretraining("suncet", 500)
  to_the_end = run._replace(phases=(run.phases[0]._replace(steps=run.steps),))
  target = PUBLISHED["simclr"][1000][0]
  return (
    f"SuNCEt's 500 epochs process {100 * share(run):.1f} % of the images of "
    f"SimCLR's 1,000; {100 * share(to_the_end):.1f} % if the labels were used "
    "to the end. In a straight line between the published epochs, SuNCEt "
    f"reaches SimCLR's {target} at {100 * share_at(target):.0f} %."
  )


def _finetuning(work: Work) -> str:
  titles = [
    "labels",
    "images",
    "epochs",
    "steps",
    "images seen, millions",
    "operations, 10^18",
    "of SimCLR's 1,000 epochs",
    *(f"{name}, minutes" for name in CLUSTERS),
  ]
  rows = []
  operations = imagenet_recipe.finetuning_operations(work)
  for percent, count in imagenet_recipe.LABELLED.items():
    run = imagenet_recipe.finetuning(percent)
    rows.append(
      [
        f"{percent} %",
        f"{count:,}",
        f"{run.epochs}",
        f"{run.steps:,}",
        *_amounts(run, work, operations, unit=60),
      ]
    )
  return command.table(titles, rows)


def _evaluations() -> str:
  run = imagenet_recipe.pretraining("suncet", 500)
  images = imagenet_recipe.evaluated(10, run.epochs)
  return (
    f"A run of {run.epochs} epochs with 10 % of the labels evaluates "
    f"{images / 1e6:.1f} million images besides, kNN on the way and all "
    f"measures at the end: forward only, "
    f"{100 * images / 3 / run.rows:.1f} % of its pre-training's operations."
  )


def _memory(work: Work) -> str:
  ways = list(memory(1, work, 2))
  views = imagenet_recipe.pretraining("suncet", 1).phases[0].rows
  rows = []
  for name, (machine, devices, _) in CLUSTERS.items():
    for precision, size in (("float32", 4), ("bfloat16", 2)):
      found = memory(devices, work, size)
      cells = [
        f"{each / 1e9:.1f}" + ("" if _fits(machine, each) else ", too much")
        for each in found.values()
      ]
      head = [name, precision, f"{views // devices:,}"]
      rows.append([*head, f"{machine.memory / 1e9:g}", *cells])
  titles = ["", "precision", "rows per device", "of", *ways]
  return command.table(titles, rows)


def _fits(machine: Machine, size: float) -> bool:
  return size <= _USABLE * machine.memory


def _decoding(work: Work) -> str:
  titles = ["", "step", "files per second", "cores", "hosts", "cores per host"]
  steps = {
    "SimCLR": imagenet_recipe.pretraining("simclr", 1).phases[0],
    "SuNCEt with labels": imagenet_recipe.pretraining("suncet", 1).phases[0],
    "SuNCEt after them": imagenet_recipe.pretraining("suncet", 500).phases[-1],
    "fine-tuning": imagenet_recipe.finetuning(10).phases[0],
  }
  rows = []
  for name, (_, _, hosts) in CLUSTERS.items():
    for title, phase in steps.items():
      best, worst = seconds(name, work, phase)
      files = [phase.files / each for each in (worst, best)]
      cores = [each / FILES_PER_CORE for each in files]
      per_host = _range(each / hosts for each in cores)
      cells = [name, title, _range(files), _range(cores), f"{hosts}", per_host]
      rows.append(cells)
  return command.table(titles, rows)


if __name__ == "__main__":
  main(sys.argv[1:])
