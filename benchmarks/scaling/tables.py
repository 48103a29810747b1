"""Tables of predicted steps of `configs/imagenet.py` on many devices."""

from collections.abc import Callable, Sequence

from benchmarks.harness import command
from benchmarks.scaling import model, traffic
from benchmarks.scaling.machines import MACHINES, Machine
from benchmarks.scaling.model import Times, Work
from benchmarks.scaling.step import ROWS, make_experiment, network_of
from benchmarks.scaling.traffic import Batch

DEVICE_COUNTS = tuple(8 << i for i in range(10))

# The paper's rows, of 64 devices with 44 images and 20 x 2 labelled ones each.
_IMAGES, _LABELLED, _DEVICES = 2816, 2560, 64

_TITLES = (
  "devices",
  "rows per step",
  "rows per device",
  "forward, ms",
  "backward, ms",
  "other, ms",
  "losses, ms",
  "batch norm, ms",
  "embeddings, ms",
  "gradients, ms",
  "step, ms",
  "views per second",
  "efficiency",
  f"efficiency, network {model.SLOWER} times as long",
  "embeddings and activations, GB",
)


def predictions() -> list[str]:
  """Returns assumptions and tables of predicted steps; compiles nothing."""
  experiment = make_experiment(ROWS["imagenet"])
  embedding = experiment.config.model.head.out
  network = network_of(experiment)
  work = model.resnet50_work(network, embedding)
  texts = [
    f"ResNet-50: {work.operations / 1e9:.1f} GFLOP and "
    f"{work.activations / 1e6:.0f} MB of activations per row; "
    f"{network.parameters:,} parameters, {network.norms} batch norms with "
    f"{network.channels:,} channels, {network.waits} in a row.",
    _assumptions(work),
  ]
  for each in MACHINES:
    texts += [
      f"### {each.title}, 128 rows per device",
      _predicted(each, work, weak(embedding), DEVICE_COUNTS),
      f"### {each.title}, 8,192 rows",
      _predicted(each, work, strong(embedding), DEVICE_COUNTS[:6]),
    ]
  return texts


def weak(embedding: int) -> Callable[[int], Batch]:
  """Returns a batch with the paper's rows on each device."""
  return lambda devices: Batch(
    _IMAGES * devices // _DEVICES, _LABELLED * devices // _DEVICES, embedding
  )


def strong(embedding: int) -> Callable[[int], Batch]:
  """Returns the paper's batch for any number of devices."""
  return lambda devices: Batch(_IMAGES, _LABELLED, embedding)


def _predicted(
  machine: Machine,
  work: Work,
  batch_of: Callable[[int], Batch],
  device_counts: Sequence[int],
) -> str:
  """Returns a table of predictions, a line for each number of devices.

  Efficiency is that of the first line's views per second and device.
  """
  rows = (
    _cells(machine, work, batch_of, (device_counts[0], devices))
    for devices in device_counts
  )
  return command.table(_TITLES, rows)


def _cells(
  machine: Machine,
  work: Work,
  batch_of: Callable[[int], Batch],
  counts: tuple[int, int],
) -> list[str]:
  first, devices = counts
  batch = batch_of(devices)
  rows = _rows(batch)

  def times(count: int, slower: float) -> Times:
    return model.predict(machine, work, batch_of(count), count, slower)

  def efficiency(slower: float) -> tuple[float, float]:
    start, end = times(first, slower), times(devices, slower)
    share = rows / _rows(batch_of(first)) * first / devices
    return (
      share * start.in_turn / end.in_turn,
      share * start.overlapped / end.overlapped,
    )

  found = times(devices, 1)
  return [
    f"{devices:,}",
    f"{rows:,}",
    f"{rows / devices:g}",
    *(f"{1e3 * seconds:.1f}" for seconds in found),
    f"{1e3 * found.overlapped:.1f} - {1e3 * found.in_turn:.1f}",
    f"{_rounded(rows / found.in_turn)} - {_rounded(rows / found.overlapped)}",
    _percent(*efficiency(1)),
    _percent(*efficiency(model.SLOWER)),
    f"{_memory(work, batch, devices) / 1e9:.2f}",
  ]


def _rounded(rate: float) -> str:
  return f"{float(f'{rate:.3g}'):,.0f}"


def _percent(*shares: float) -> str:
  return " - ".join(f"{100 * share:.0f} %" for share in sorted(shares))


def _rows(batch: Batch) -> int:
  return 2 * batch.images + batch.labelled


def _memory(work: Work, batch: Batch, device_count: int) -> float:
  """Returns the bytes of gathered embeddings and of activations."""
  sent = traffic.expected(work.network, batch)
  activations = _rows(batch) / device_count * work.activations
  return activations + sent[traffic.EMBEDDINGS].size


def _assumptions(work: Work) -> str:
  """Returns a table of what is taken for granted of the machines."""

  def share(machine: Machine) -> float:
    estimate = machine.estimate
    rate = estimate.rows * work.operations / estimate.network
    return rate / machine.peak

  rows = (
    ("step compiled for", lambda m: f"{m.estimate.source}"),
    ("whose estimate", lambda m: m.estimate.model),
    ("rows per device", lambda m: f"{m.estimate.rows:,}"),
    ("forward, ms", lambda m: f"{1e3 * m.estimate.forward:.1f}"),
    ("backward, ms", lambda m: f"{1e3 * m.estimate.backward:.1f}"),
    (
      "augmentation and what has no part, ms",
      lambda m: f"{1e3 * m.estimate.augmentation:.1f}",
    ),
    (
      "optimizer, check for finite numbers, log, ms",
      lambda m: f"{1e3 * m.estimate.update:.1f}",
    ),
    ("bfloat16 peak, TFLOP/s (vendor)", lambda m: f"{m.peak / 1e12:g}"),
    (
      "share of it that forward and backward reach (from these)",
      lambda m: f"{100 * share(m):.0f} %",
    ),
    (
      "float32 products, TFLOP/s, of which losses reach half",
      lambda m: f"{m.float32 / 1e12:.0f}",
    ),
    (
      "rows of a product that fill its unit",
      lambda m: f"{m.unit_rows}",
    ),
    ("memory, GB (vendor)", lambda m: f"{m.memory / 1e9:g}"),
    ("its bandwidth, GB/s (vendor)", lambda m: f"{m.bandwidth / 1e9:g}"),
    ("devices with fast links (vendor)", lambda m: f"{m.group}"),
    ("sent inside, GB/s per device", lambda m: f"{m.inside / 1e9:g}"),
    ("sent outside, GB/s per device", lambda m: f"{m.outside / 1e9:.3g}"),
    ("start of a collective, us", lambda m: f"{m.start * 1e6:g}"),
    ("each hop inside, us", lambda m: f"{m.hop * 1e6:g}"),
    ("each phase outside, us", lambda m: f"{m.phase * 1e6:g}"),
  )
  return command.table(
    ["", *(machine.title for machine in MACHINES)],
    ([name, *map(show, MACHINES)] for name, show in rows),
  )
