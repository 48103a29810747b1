"""Operations that depend on how many devices share a program.

Under `jax.jit` a function sees global arrays, but not how they are sharded.
`device_count` and `replicate` are filled in when the program is lowered for its
devices, so that one traced function serves one device and many.
"""

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec

from suncet_jax.losses._quantities import Positives, Request
from suncet_jax.losses._similarity import AxisName, gather

_P = ParamSpec("_P")
_Scalars = TypeVar("_Scalars")

_device_count_p = Primitive("suncet_device_count")
_replicate_p = Primitive("suncet_replicate")


def device_count() -> jax.Array:
  """Returns the number of devices that share this program.

  Returns:
    Scalar int32, a constant once lowered. Inside `jax.shard_map` and
    `jax.pmap` it is 1, as each device then has its own program.
  """
  return _device_count_p.bind()


def replicate(array: jax.Array) -> jax.Array:
  """Returns the whole array on every device that shares the program."""
  return _replicate_p.bind(array)


def everywhere(array: jax.Array, axis_name: AxisName | None) -> jax.Array:
  """Returns the rows of all devices on every device.

  Args:
    array: Rows [n, ...].
    axis_name: Mapped axis; None outside of one.

  Returns:
    Rows [m, ...].
  """
  if axis_name is None:
    return replicate(array)
  return gather(array, axis_name)


def all_rows(
  rows: Request, positives: Positives, axis_name: AxisName | None
) -> Request:
  """Returns the rows of all devices, as keys for the rows of each device.

  Args:
    rows: Rows of this device, n of them.
    positives: Term of the positives.
    axis_name: Mapped axis; None outside of one.

  Returns:
    Rows of all devices, m of them.
  """
  units = everywhere(rows.units, axis_name)
  positions = jnp.arange(units.shape[0])
  if positives is Positives.PAIR:
    # Positions tell the images of pairs: no labels need to be gathered.
    return Request(units, positions // 2, positions >= 0, positions)
  labels = everywhere(rows.labels, axis_name)
  return Request(units, labels, labels >= 0, positions)


def maps_explicit_rows(
  function: Callable[_P, _Scalars],
) -> Callable[_P, _Scalars]:
  """Wraps a function so that it accepts rows on an explicit mesh.

  Where shardings are part of the types (`jax.sharding.AxisType.Explicit`), JAX
  refuses to form all pairs of rows that are split. The wrapper maps the
  function over the devices by `jax.shard_map`, with its `axis_name` set.

  Args:
    function: Function of arrays of rows [n, ...], or of trees of them, that
      returns scalars; its options are keyword-only, and `axis_name` is one.

  Returns:
    The wrapped function; other arrays are passed on as they are.
  """
  signature = inspect.signature(function)
  untyped: Callable[..., _Scalars] = function

  @functools.wraps(function)
  def mapped(*args: _P.args, **kwargs: _P.kwargs) -> _Scalars:
    bound = signature.bind(*args, **kwargs)
    split = _explicit_rows(jax.tree.leaves(bound.args))
    if split is None or bound.kwargs.get("axis_name") is not None:
      return function(*args, **kwargs)
    mesh, axes = split.mesh, split.spec[0]
    # Arrays among the options have a mesh, too, and may not be closed over.
    arrays, options = _split_options(bound.kwargs)
    options["axis_name"] = axes
    rows = jax.tree.map(lambda array: jax.reshard(array, split), bound.args)
    return jax.shard_map(
      lambda rows, arrays: untyped(*rows, **arrays, **options),
      mesh=mesh,
      in_specs=(PartitionSpec(axes), PartitionSpec()),
      out_specs=PartitionSpec(),
    )(rows, jax.reshard(arrays, NamedSharding(mesh, PartitionSpec())))

  return mapped


def _explicit_rows(arrays: Sequence[Any]) -> NamedSharding | None:
  """Returns the sharding of rows on an explicit mesh; None without one."""
  # NumPy arrays, and values that the checks will refuse, have no sharding.
  types = [jax.typeof(each) for each in arrays if isinstance(each, jax.Array)]
  meshes = [each.sharding.mesh for each in types]
  mesh = next((mesh for mesh in meshes if mesh.explicit_axes), None)
  if mesh is None:
    return None
  axes = (each.sharding.spec[0] for each in types if each.sharding.spec)
  return NamedSharding(mesh, PartitionSpec(next(filter(None, axes), None)))


def _split_options(
  options: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Divides options into arrays, or trees of them, and others."""
  arrays = {k: v for k, v in options.items() if _is_of_arrays(v)}
  return arrays, {k: v for k, v in options.items() if k not in arrays}


def _is_of_arrays(option: Any) -> bool:
  leaves = jax.tree.leaves(option)
  return bool(leaves) and all(isinstance(x, jax.Array) for x in leaves)


def _count_when_lowered(context: mlir.LoweringRuleContext) -> int:
  # Inside shard_map and pmap the context is another one, without the number.
  return getattr(context.module_context.axis_context, "num_devices", 1) or 1


def _lower_device_count(context: mlir.LoweringRuleContext) -> Any:
  count = _count_when_lowered(context)
  return mlir.lower_fun(lambda: jnp.int32(count), multiple_results=False)(
    context
  )


def _lower_replicate(context: mlir.LoweringRuleContext, array: Any) -> Any:
  count = _count_when_lowered(context)
  if count == 1:
    return [array]
  # The axis name does not matter: nothing is split over it.
  mesh = AbstractMesh((count,), ("all",), axis_types=(AxisType.Auto,))
  whole = NamedSharding(mesh, PartitionSpec())
  constrain = mlir.lower_fun(
    lambda x: jax.lax.with_sharding_constraint(x, whole),
    multiple_results=False,
  )
  return constrain(context, array)


_device_count_p.def_abstract_eval(
  lambda: jax.core.ShapedArray((), jnp.dtype(jnp.int32))
)
_device_count_p.def_impl(lambda: jnp.int32(1))
mlir.register_lowering(_device_count_p, _lower_device_count)

_replicate_p.def_abstract_eval(lambda array: array)
_replicate_p.def_impl(lambda array: array)
ad.deflinear2(_replicate_p, lambda cotangent, _: [cotangent])
batching.defvectorized(_replicate_p)
mlir.register_lowering(_replicate_p, _lower_replicate)
