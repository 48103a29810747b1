"""Preflight: what XLA says of a training on devices that are not here.

`python -m suncet_jax.preflight` checks a configuration; `compile_for` compiles
any function. JAX is loaded only when one of them is used.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from jax.sharding import Mesh

  from suncet_jax.preflight.reading import Reading

__all__ = ["compile_for", "mesh_of"]


def mesh_of(on: str) -> "Mesh":
  """Returns a mesh of devices that are not here: one axis, "data".

  Args:
    on: Devices, such as "v5e:4x4" or "h100x8".

  Raises:
    ValueError: If there are no such devices, or their compiler is not
      installed; the message says what to install.
  """
  from suncet_jax.preflight import compilers, targets

  return compilers.mesh(targets.one(on))


def compile_for(
  function: Callable[..., Any], shapes: Sequence[Any], on: str
) -> "Reading":
  """Compiles a function for devices that are not here, and reads the program.

  Args:
    function: Function of arrays; one of `jax.jit` keeps its donations and
      shardings.
    shapes: Its arguments, as arrays or `jax.ShapeDtypeStruct`, or pytrees of
      them. Those without a sharding on `mesh_of(on)` are whole on each device.
    on: Devices, such as "v5e:4x4" or "h100x8".

  Returns:
    Memory, operations and estimated times of the program.

  Raises:
    ValueError: If there are no such devices, or their compiler is not
      installed; the message says what to install.
    CompileError: If the compiler refuses the function, with its reason.

  Example:
    >>> import jax
    >>> from suncet_jax import preflight
    >>> rows = jax.ShapeDtypeStruct((1024, 128), "bfloat16")
    >>> reading = preflight.compile_for(  # doctest: +SKIP
    ...     lambda x: x @ x.T, [rows], on="v5e:2x2")
    >>> reading.memory.total, reading.seconds  # doctest: +SKIP
    (6357504, 1.4e-05)
  """
  from suncet_jax.preflight.function import compile_function

  return compile_function(function, shapes, on)
