"""Any function of a user, compiled for devices that are not here."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.sharding import NamedSharding

from suncet_jax.devices.mesh import replicated
from suncet_jax.devices.target import made_for
from suncet_jax.errors import UserError
from suncet_jax.preflight import compilers, targets
from suncet_jax.preflight.compiling import compiled
from suncet_jax.preflight.memory import ARGUMENTS
from suncet_jax.preflight.reading import Reading, read


def compile_function(
  function: Callable[..., Any], shapes: Sequence[Any], on: str
) -> Reading:
  """Compiles a function and reads it; see `suncet_jax.preflight.compile_for`.

  Args:
    function: Function of arrays.
    shapes: Its arguments.
    on: Devices.
  """
  target = targets.one(on)
  with compilers.alone(logging.warning), made_for(target.chip.platform):
    mesh = compilers.mesh(target)
    arguments = jax.tree.map(lambda leaf: _placed(leaf, mesh), tuple(shapes))
    jitted: Any = function if hasattr(function, "lower") else jax.jit(function)
    lowered = jitted.lower(*arguments)
    program = compiled(lowered, target.name, logging.info)
  return read(program, target, {ARGUMENTS: arguments})


def _placed(leaf: Any, mesh: jax.sharding.Mesh) -> jax.ShapeDtypeStruct:
  sharding = getattr(leaf, "sharding", None)
  # None, or one device of this host.
  if not isinstance(sharding, NamedSharding):
    sharding = replicated(mesh)
  if sharding.mesh != mesh:
    raise UserError(
      f"an argument is spread over {sharding.mesh.size} other devices; "
      f"expected the {mesh.size} of preflight.mesh_of, with the name in on=."
    )
  dtype = getattr(leaf, "dtype", None) or np.result_type(leaf)
  return jax.ShapeDtypeStruct(np.shape(leaf), dtype, sharding=sharding)
