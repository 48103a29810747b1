"""Checks of callers' options, made before anything is compiled."""

import numbers
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses._similarity import AxisName

# Options that decide what is compiled; the others may be traced.
_STATIC = ("axis_name", "stop_gradient_keys", "block_size", "matmul_dtype")

# exp(-2 / temperature) is then far from the smallest float32.
_LEAST_BOUNDED_TEMPERATURE = 1 / 40


def checked_options(
  function: str,
  dtype: DTypeLike,
  *,
  temperature: ArrayLike,
  axis_name: AxisName | None,
  stop_gradient_keys: bool,
  block_size: int | None,
  matmul_dtype: DTypeLike | None,
) -> dict[str, Any]:
  """Returns the options of a loss for `_contrast`, after checking them.

  Args:
    function: Name of the loss in the message.
    dtype: Dtype of the embeddings.
    temperature: Temperature, a scalar > 0; traced and device values are not
      checked.
    axis_name: Mapped axis that rows are spread over.
    stop_gradient_keys: Whether the gradient treats keys as constants.
    block_size: Block size, None or an integer >= 0.
    matmul_dtype: Dtype of the operands of products, None or a floating one.

  Returns:
    The options by name, and `is_bounded`.

  Raises:
    TypeError: An option that must be static is traced, `temperature` is not a
      number, `block_size` is neither None nor an integer, or `matmul_dtype` is
      not floating or wider than the sums.
    ValueError: `temperature` is not a scalar, or is a number that is not > 0,
      `block_size` is negative, or no mapped axis has the name.
  """
  values = (axis_name, stop_gradient_keys, block_size, matmul_dtype)
  options = dict(zip(_STATIC, values, strict=True))
  check_static(function, **options)
  check_axis(function, axis_name)
  temperature = checked_temperature(function, temperature)
  _check_block_size(function, block_size)
  _check_matmul_dtype(function, matmul_dtype, dtype)
  return {
    "temperature": temperature,
    "is_bounded": _is_bounded(temperature),
    "axis_name": axis_name,
    "stop_gradient_keys": bool(stop_gradient_keys),
    "block_size": None if block_size is None else int(block_size),
    "matmul_dtype": None if matmul_dtype is None else jnp.dtype(matmul_dtype),
  }


def check_static(function: str, **options: Any) -> None:
  """Raises TypeError if an option, by name, is an array."""
  for name, value in options.items():
    if isinstance(value, jax.Array):
      raise TypeError(
        f"losses.{function}: {name} must be known when the loss is compiled, "
        f"got a{' traced' if _is_traced(value) else 'n'} array. Under jax.jit "
        f"declare it: jax.jit(losses.{function}, static_argnames={name!r})."
      )


def _is_traced(value: jax.Array) -> bool:
  return isinstance(value, jax.core.Tracer)


def check_range(
  function: str, low: float, high: float, **options: ArrayLike
) -> None:
  """Raises ValueError if a number, by name, is known and out of range."""
  for name, value in options.items():
    if not isinstance(value, jax.Array) and not low <= float(value) <= high:  # type: ignore[arg-type]
      raise ValueError(
        f"losses.{function}: {name} must be in [{low:g}, {high:g}], got "
        f"{value}."
      )


def check_axis(function: str, axis_name: AxisName | None) -> None:
  """Raises an error unless the loss is inside of the mapped axis.

  Args:
    function: Name of the loss in the message.
    axis_name: Name or names of the mapped axis; None outside of one.

  Raises:
    TypeError: It is not a name, or a tuple of them.
    ValueError: No mapped axis has the name.
  """
  for name in _names(function, axis_name):
    try:
      jax.lax.axis_size(name)
    except NameError:
      raise ValueError(
        f"losses.{function}: axis_name is {axis_name!r}, but no axis {name!r} "
        "is mapped here. It names an axis of the jax.shard_map or jax.pmap "
        "that the loss is called in; elsewhere, also under jax.jit with rows "
        "that are split over a mesh, leave it out."
      ) from None


def _names(function: str, axis_name: AxisName | None) -> Iterator[str]:
  if axis_name is None:
    return
  names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
  for name in names:
    if not isinstance(name, str):
      raise TypeError(
        f"losses.{function}: axis_name must be a name or a tuple of names, got "
        f"{axis_name!r}."
      )
    yield name


def checked_temperature(function: str, temperature: ArrayLike) -> ArrayLike:
  """Returns the temperature, a float if it is a number.

  Args:
    function: Name of the loss in the message.
    temperature: Temperature.

  Raises:
    TypeError: It is not a number.
    ValueError: It is not a scalar, or not > 0.
  """
  if np.ndim(temperature) != 0:
    raise ValueError(
      f"losses.{function}: temperature must be a scalar, got an array of shape "
      f"{np.shape(temperature)}."
    )
  if isinstance(temperature, jax.Array):
    return temperature
  try:
    if isinstance(temperature, str):
      raise TypeError
    number = float(temperature)  # type: ignore[arg-type]
  except (TypeError, ValueError):
    raise TypeError(
      f"losses.{function}: temperature must be a number, got {temperature!r}."
    ) from None
  if not number > 0:
    raise ValueError(
      f"losses.{function}: temperature must be > 0, got {temperature}."
    )
  return number


def _check_block_size(function: str, block_size: int | None) -> None:
  if block_size is None:
    return
  if not isinstance(block_size, numbers.Integral):
    raise TypeError(
      f"losses.{function}: block_size must be None or an integer, the rows of "
      f"a block, got {block_size!r}."
    )
  if block_size < 0:
    raise ValueError(
      f"losses.{function}: block_size must be >= 0, the rows of a block (0: no "
      f"blocks), got {block_size}."
    )


def _check_matmul_dtype(
  function: str, matmul_dtype: DTypeLike | None, dtype: DTypeLike
) -> None:
  if matmul_dtype is None:
    return
  if not jnp.issubdtype(matmul_dtype, jnp.floating):
    raise TypeError(
      f"losses.{function}: matmul_dtype must be a floating dtype, got "
      f"{jnp.dtype(matmul_dtype)}."
    )
  sums = jnp.promote_types(dtype, jnp.float32)
  if jnp.finfo(matmul_dtype).bits > jnp.finfo(sums).bits:
    raise TypeError(
      f"losses.{function}: matmul_dtype must not be wider than the dtype of "
      f"the sums, {sums}, got {jnp.dtype(matmul_dtype)}."
    )


def _is_bounded(temperature: ArrayLike) -> bool:
  # The value of a traced temperature is not known.
  return (
    isinstance(temperature, float) and temperature >= _LEAST_BOUNDED_TEMPERATURE
  )
