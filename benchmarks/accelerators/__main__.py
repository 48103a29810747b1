"""Asks XLA's compilers what the pieces made for the CPU cost on accelerators.

    python -m benchmarks.accelerators [--on=v5e:2x2,h100x4]
        [--pieces=pool,norm] [--out=table.md]
    python -m benchmarks.accelerators --here

Each piece is compiled with its gradient, by `suncet_jax.preflight`, in this
package's form and in the plain one of JAX or Flax: both compute the same.
Nothing runs, so every figure is an estimate of a compiler's or ours, as the
table says. It needs suncet_jax[preflight-tpu] and [preflight-cuda].

With --here they run on this machine's devices, and are timed.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

import jax
from jax.sharding import Mesh

from benchmarks.accelerators import flags, images, measured, network, spread
from benchmarks.accelerators.pieces import IMAGENET, Piece, Size
from benchmarks.harness import command, machine
from suncet_jax import preflight
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.preflight import compilers, targets
from suncet_jax.preflight.reading import Reading

_TITLES = (
  "piece",
  "form",
  "time, us",
  "times the first form's",
  "read and written, MB",
  "memory, MB",
  "collectives, MB",
)
_MEASURED_TITLES = (*_TITLES[:4], "temporaries, MB")

_NAMES = (
  *("pool", "norm", "dense", "convolution"),
  *("resize", "blur", "views", "ntxent"),
)


def main(arguments: Sequence[str]) -> None:
  """Compiles and prints."""
  options = _parse(arguments)
  if not options.here:
    compilers.without_devices()
  head = machine.header(
    has_torch=False,
    has_convolution=False,
    packages=("jax", "libtpu", "jax-cuda12-plugin", "jax-cuda13-plugin"),
  )
  parts = [head]
  if options.here:
    parts += _here(options.pieces)
  else:
    for target in options.on:
      parts += _on(target, options.pieces)
  command.publish(parts, options.out)


def all_pieces(size: Size, mesh: Mesh) -> dict[str, Piece]:
  """Returns all pieces by name.

  Args:
    size: Sizes of their operands.
    mesh: Devices that the rows of some are spread over.
  """
  return {
    **network.pieces(size),
    **images.pieces(size),
    **spread.pieces(size, mesh),
  }


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__)
  parser.add_argument("--on", type=flags.devices, default="v5e:2x2,h100x4")
  parser.add_argument(
    "--pieces", type=command.names(_NAMES), default=",".join(_NAMES)
  )
  parser.add_argument(
    "--here", action="store_true", help="run them here instead"
  )
  return parser.parse_args(arguments)


def _on(target: targets.Target, names: Sequence[str]) -> list[str]:
  """Returns the heading and the table of some devices."""
  lines = [command.table_head(_TITLES)]
  model = ""
  found = all_pieces(IMAGENET, compilers.mesh(target))
  for piece in (found[name] for name in names):
    readings = {
      form: preflight.compile_for(function, piece.shapes, on=target.name)
      for form, function in piece.forms.items()
    }
    for line in _lines(piece, readings):
      print(line, file=sys.stderr)  # the whole takes a while
      lines.append(line)
    model = next(iter(readings.values())).model
  said = (
    f"Of one device of {target.name}. Time: {model}; nothing was run. Memory: "
    "XLA's, operands and results included."
  )
  return [f"### {target.chip.title}", said, "\n".join(lines)]


def _here(names: Sequence[str]) -> list[str]:
  """Returns the heading and the table of what was measured here."""
  lines = [command.table_head(_MEASURED_TITLES)]
  found = all_pieces(IMAGENET, make_mesh())
  for piece in (found[name] for name in names):
    first = None
    for form, told in measured.measure(piece):
      first = first or told.seconds
      cells = [piece.title, form, f"{1e6 * told.seconds:,.0f}"]
      cells += [f"{told.seconds / first:.2f}"]
      cells += [f"{told.temporary_bytes / 1e6:,.0f}"]
      lines.append(command.table_line(cells))
      print(lines[-1], file=sys.stderr)
  said = (
    "Measured: the median of five rounds of calls, one behind the other. "
    f"A program of one addition takes {1e6 * measured.least_seconds():.0f} us."
  )
  return [f"### {jax.devices()[0].device_kind}", said, "\n".join(lines)]


def _lines(piece: Piece, readings: dict[str, Reading]) -> Iterator[str]:
  first = next(iter(readings.values()))
  for form, found in readings.items():
    yield command.table_line(
      [
        piece.title,
        form,
        f"{1e6 * found.compute_seconds:,.0f}",
        f"{found.compute_seconds / first.compute_seconds:.2f}",
        f"{found.size / 1e6:,.0f}",
        f"{found.memory.total / 1e6:,.0f}",
        f"{found.sent_bytes / 1e6:.1f}",
      ]
    )


if __name__ == "__main__":
  main(sys.argv[1:])
