"""Memory of the losses in blocks on accelerators, against the formula.

    python -m benchmarks.accelerators.losses [--on=v5e:8x8,v5e:2x2]
        [--rows=32768] [--out=table.md]

NT-Xent and SuNCEt with their gradients are compiled by `suncet_jax.preflight`
for rows that are spread over the devices, in float32 and with embeddings and
operands of products in bfloat16. docs/scaling.md counts what a device keeps of
all rows: the gathered embeddings. The rest is tiles of similarities, whose size
does not depend on the number of rows. Nothing runs.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from benchmarks.accelerators import flags
from benchmarks.accelerators.pieces import array
from benchmarks.harness import command, machine
from suncet_jax import losses, preflight
from suncet_jax.devices.mesh import by_rows, over_rows
from suncet_jax.preflight import compilers, memory, targets
from suncet_jax.preflight.reading import Reading

_SIZE = 128  # of an embedding
_DTYPES = ("float32", "bfloat16")

_TITLES = (
  "loss",
  "dtype",
  "devices",
  "rows per device",
  "gathered by formula, MB",
  "collectives, MB",
  "temporaries in main memory, MB",
  "operands and results, MB",
  "time, us",
)


def main(arguments: Sequence[str]) -> None:
  """Compiles and prints."""
  options = _parse(arguments)
  compilers.without_devices()
  lines = [command.table_head(_TITLES)]
  for target in options.on:
    for name, made in (("NT-Xent", _ntxent), ("SuNCEt", _suncet)):
      for dtype in _DTYPES:
        loss, shapes = made(options.rows, dtype, compilers.mesh(target))
        found = preflight.compile_for(loss, shapes, on=target.name)
        cells = _cells(options.rows, dtype, target, found)
        lines.append(command.table_line([name, dtype, *cells]))
        print(lines[-1], file=sys.stderr)  # the whole takes a while
  head = machine.header(
    has_torch=False,
    has_convolution=False,
    packages=("jax", "libtpu", "jax-cuda12-plugin"),
  )
  command.publish([head, "\n".join(lines)], options.out)


def gathered(rows: int, size: int, dtype: str) -> int:
  """Returns the bytes of all embeddings, which each device keeps.

  Args:
    rows: Rows of all devices.
    size: Size of an embedding.
    dtype: Dtype that products take them in.
  """
  return rows * size * jnp.dtype(dtype).itemsize


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
  parser = command.parser(__doc__)
  parser.add_argument("--on", type=flags.devices, default="v5e:8x8,v5e:2x2")
  parser.add_argument("--rows", type=int, default=32768)
  return parser.parse_args(arguments)


def _ntxent(
  rows: int, dtype: str, mesh: Mesh
) -> tuple[Callable[..., Any], list[Any]]:
  def loss(*views: jax.Array, **options: Any) -> jax.Array:
    return losses.ntxent(*views, matmul_dtype=_operands(dtype), **options)

  view = array((rows // 2, _SIZE), dtype, by_rows(mesh))
  mean = over_rows(mesh, loss)
  return jax.value_and_grad(mean, argnums=(0, 1)), [view, view]


def _suncet(
  rows: int, dtype: str, mesh: Mesh
) -> tuple[Callable[..., Any], list[Any]]:
  def loss(*labelled: jax.Array, **options: Any) -> jax.Array:
    return losses.suncet(*labelled, matmul_dtype=_operands(dtype), **options)

  spread = by_rows(mesh)
  labels = array((rows,), jnp.int32, spread)
  embeddings = array((rows, _SIZE), dtype, spread)
  return jax.value_and_grad(over_rows(mesh, loss)), [embeddings, labels]


def _operands(dtype: str) -> str | None:
  return None if dtype == "float32" else dtype


def _cells(
  rows: int, dtype: str, target: targets.Target, found: Reading
) -> list[str]:
  kinds = found.memory.kinds
  temporaries = kinds.get(memory.ACTIVATIONS, 0)
  others = kinds[memory.ARGUMENTS] + kinds.get(memory.RESULTS, 0)
  return [
    target.name,
    f"{rows // target.devices:,}",
    f"{gathered(rows, _SIZE, dtype) / 1e6:.1f}",
    f"{found.sent_bytes / 1e6:.1f}",
    f"{temporaries / 1e6:.1f}",
    f"{others / 1e6:.1f}",
    f"{1e6 * found.compute_seconds:,.0f}",
  ]


if __name__ == "__main__":
  main(sys.argv[1:])
