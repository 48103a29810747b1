"""oneDNN's convolution as JAX primitives.

A convolution is linear in its images and in its kernel, and so are its two
gradients: the derivatives of each of the three are the other two. As three
primitives they can be differentiated any number of times, forward and backward;
a custom VJP could be differentiated once.

Lowered for one CPU device, a primitive is a call of oneDNN. Otherwise (GPU,
TPU, empty arrays, or several devices, over which the compiler must partition)
it is XLA's own operation.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jax.interpreters.xla import apply_primitive

from suncet_jax.convolution import library, xla


def _primitive(
  name: str,
  portable: Callable[..., jax.Array],
  result: Callable[..., Any],
) -> Primitive:
  """Makes a primitive from XLA's function and the type of its result."""
  primitive = Primitive(name)
  primitive.def_abstract_eval(result)
  primitive.def_impl(functools.partial(apply_primitive, primitive))
  lower_portable = mlir.lower_fun(portable, multiple_results=False)
  lower_native = jax.ffi.ffi_lowering(name)

  def rounded(*operands: jax.Array, **params: Any) -> jax.Array:
    dtype = operands[0].dtype
    operands = tuple(_rounded(each, dtype) for each in operands)
    result = params.get("dtype", dtype)
    if "dtype" in params:
      params["dtype"] = np.dtype(np.float32)
    return primitive.bind(*operands, **params).astype(result)

  lower_rounded = mlir.lower_fun(rounded, multiple_results=False)

  def lower_for_cpu(
    context: mlir.LoweringRuleContext,
    *operands: Any,
    strides: tuple[int, int],
    padding: xla.Padding,
    **result: Any,
  ) -> Any:
    devices = getattr(context.module_context.axis_context, "num_devices", None)
    shapes = [aval.shape for aval in (*context.avals_in, *context.avals_out)]
    window = {"strides": strides, "padding": padding}
    if devices != 1 or any(0 in shape for shape in shapes):
      return lower_portable(context, *operands, **window, **result)
    if _dtype(context) not in library.status().dtypes:
      return lower_rounded(context, *operands, **window, **result)
    return lower_native(
      context,
      *operands,
      strides=np.array(strides, np.int64),
      padding=np.array(padding, np.int64).ravel(),
    )

  mlir.register_lowering(primitive, lower_portable)
  mlir.register_lowering(primitive, lower_for_cpu, platform="cpu")
  return primitive


def _dtype(context: mlir.LoweringRuleContext) -> Any:
  """Returns the dtype of images and products."""
  images: Any = context.avals_in[0]
  return images.dtype


def _rounded(array: jax.Array, dtype: Any) -> jax.Array:
  """Returns float32 numbers that bfloat16 holds."""
  # Of a conversion there and back the compiler would leave nothing.
  if array.dtype == np.float32:
    info = jax.numpy.finfo(dtype)
    return jax.lax.reduce_precision(array, info.nexp, info.nmant)
  bits = jax.lax.bitcast_convert_type(array, np.uint16).astype(np.uint32)
  return jax.lax.bitcast_convert_type(bits << 16, np.float32)


def _forward_type(images: Any, kernel: Any, **window: Any) -> Any:
  # jax.lax computes the shape, and raises for shapes that do not fit.
  outputs = jax.eval_shape(
    lambda *operands: xla.forward(*operands, **window),
    jax.ShapeDtypeStruct(images.shape, images.dtype),
    jax.ShapeDtypeStruct(kernel.shape, kernel.dtype),
  )
  return images.update(shape=outputs.shape, weak_type=False)


def _image_gradient_type(
  outputs: Any, _: Any, *, shape: tuple[int, ...], **window: Any
) -> Any:
  return outputs.update(shape=shape, weak_type=False)


def _kernel_gradient_type(
  images: Any, _: Any, *, shape: tuple[int, ...], dtype: Any, **window: Any
) -> Any:
  return images.update(shape=shape, dtype=dtype, weak_type=False)


_forward = _primitive(library.FORWARD, xla.forward, _forward_type)
_image_gradient = _primitive(
  library.IMAGE_GRADIENT, xla.image_gradient, _image_gradient_type
)
_kernel_gradient = _primitive(
  library.KERNEL_GRADIENT, xla.kernel_gradient, _kernel_gradient_type
)


def _kernel_cotangent(
  images: Any, outputs: Any, kernel: Any, window: dict[str, Any]
) -> Any:
  return _kernel_gradient.bind(
    images, outputs, shape=kernel.shape, dtype=kernel.dtype, **window
  )


# Transpose rules, for the first and for the second operand. Each rule gets the
# cotangent of the result and both operands; of the operand whose cotangent it
# returns it knows the shape only.
#
#   forward(images, kernel)          -> image gradient, kernel gradient
#   image_gradient(outputs, kernel)  -> forward, kernel gradient
#   kernel_gradient(images, outputs) -> image gradient, forward
ad.defbilinear(
  _forward,
  lambda outputs, images, kernel, **window: _image_gradient.bind(
    outputs, kernel, shape=images.aval.shape, **window
  ),
  lambda outputs, images, kernel, **window: _kernel_cotangent(
    images, outputs, kernel.aval, window
  ),
)
ad.defbilinear(
  _image_gradient,
  lambda images, outputs, kernel, *, shape, **window: _forward.bind(
    images, kernel, **window
  ),
  lambda images, outputs, kernel, *, shape, **window: _kernel_cotangent(
    images, outputs, kernel.aval, window
  ),
)
ad.defbilinear(
  _kernel_gradient,
  lambda kernel, images, outputs, *, shape, dtype, **window: (
    _image_gradient.bind(outputs, kernel, shape=images.aval.shape, **window)
  ),
  lambda kernel, images, outputs, *, shape, dtype, **window: _forward.bind(
    images, kernel, **window
  ),
)


def _row_wise_batching(primitive: Primitive) -> Callable[..., Any]:
  """Makes the vmap rule of a function that treats images independently."""

  def rule(
    operands: tuple[jax.Array, jax.Array],
    axes: tuple[int | None, int | None],
    **params: Any,
  ) -> tuple[jax.Array, int]:
    if axes[0] is None or axes[1] is not None:
      raise _kernel_vmap_error()
    rows = jax.numpy.moveaxis(operands[0], axes[0], 0)
    count, batch = rows.shape[:2]
    if "shape" in params:
      params["shape"] = (count * batch, *params["shape"][1:])
    merged = rows.reshape(count * batch, *rows.shape[2:])
    result = primitive.bind(merged, operands[1], **params)
    return result.reshape(count, batch, *result.shape[1:]), 0

  return rule


def _refuse_batching(*_: Any, **__: Any) -> Any:
  raise _kernel_vmap_error()


def _kernel_vmap_error() -> NotImplementedError:
  return NotImplementedError(
    "vmap over the kernel of a convolution, or over examples of its gradient,"
    " is not supported by oneDNN's. Set model.convolution to 'xla' (or"
    " implementation='xla')."
  )


batching.primitive_batchers[_forward] = _row_wise_batching(_forward)
batching.primitive_batchers[_image_gradient] = _row_wise_batching(
  _image_gradient
)
batching.primitive_batchers[_kernel_gradient] = _refuse_batching


def forward(
  images: jax.Array,
  kernel: jax.Array,
  *,
  strides: tuple[int, int],
  padding: xla.Padding,
) -> jax.Array:
  """Convolves images [b, h, w, c] with a kernel [h, w, c, o].

  Args:
    images: Images in float32 or bfloat16, not empty.
    kernel: Kernel in the same dtype or float32, which its gradient will have.
    strides: Strides of rows and columns.
    padding: Zeros ((top, bottom), (left, right)), none negative.

  Returns:
    Images [b, h, w, o].
  """
  return _forward.bind(images, kernel, strides=strides, padding=padding)
