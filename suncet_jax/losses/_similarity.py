"""Similarities of the local anchors to the keys of all devices."""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

AxisName: TypeAlias = str | tuple[str, ...]

# Rows shorter than this are not stretched to length 1.
_TINY = 1e-12


class Similarity(NamedTuple):
  """How each local anchor relates to each key.

  Attributes:
    logits: `[n, m]` cosine / temperature, float32 or float64.
    is_key: `[n, m]` bool, keys an anchor is compared with: labelled, not self.
    is_positive: `[n, m]` bool, the keys among them with the anchor's label.
  """

  logits: jax.Array
  is_key: jax.Array
  is_positive: jax.Array


def l2_normalise(embeddings: jax.Array) -> jax.Array:
  """Scales every row to length 1.

  Args:
    embeddings: `[n, d]`, floating, of any finite magnitude.

  Returns:
    `[n, d]` float32, or float64 for float64 input: rows / max(norm, 1e-12).
    Rows shorter than that, zero rows among them, receive no gradient.
  """
  is_double = embeddings.dtype == jnp.float64
  embeddings = embeddings.astype(jnp.float64 if is_double else jnp.float32)
  # Squares of large or small rows overflow or underflow. Dividing by the
  # largest entry prevents it; as the result does not depend on that factor,
  # leaving it out of the gradient is exact.
  largest = jnp.max(jnp.abs(embeddings), axis=1, keepdims=True, initial=_TINY)
  largest = jax.lax.stop_gradient(largest)
  scaled = embeddings / largest
  squared_norm = jnp.sum(jnp.square(scaled), axis=1, keepdims=True)
  # These rows hardly have a direction, and their gradient would be of the
  # order of 1e12.
  is_short = (largest <= _TINY) & (squared_norm < 1)
  scaled = jnp.where(is_short, jax.lax.stop_gradient(scaled), scaled)
  return scaled * jax.lax.rsqrt(jnp.where(is_short, 1, squared_norm))


def first_row(n: int, axis_name: AxisName | None) -> ArrayLike:
  """Returns the position of this device's first row among all rows.

  Args:
    n: rows on each device.
    axis_name: the mapped axis, None outside of one.

  Returns:
    Scalar integer.
  """
  return 0 if axis_name is None else n * jax.lax.axis_index(axis_name)


def gather(rows: jax.Array, axis_name: AxisName | None) -> jax.Array:
  """Collects the rows of all devices, in the order of the devices.

  Args:
    rows: `[n, ...]`.
    axis_name: the mapped axis, None outside of one.

  Returns:
    `[m, ...]`, `rows` itself where there is no mapped axis.
  """
  if axis_name is None:
    return rows
  return jax.lax.all_gather(rows, axis_name, tiled=True)


def join_views(
  first: jax.Array, second: jax.Array, axis_name: AxisName | None
) -> tuple[jax.Array, jax.Array]:
  """Puts two views below each other, with images as labels.

  Args:
    first: `[n, d]`.
    second: `[n, d]`, row i of the same image as row i of `first`.
    axis_name: the mapped axis that images are spread over.

  Returns:
    Embeddings `[2n, d]` and labels `[2n]`, integer: the number of the image,
    unique over all devices.
  """
  n = first.shape[0]
  images = first_row(n, axis_name) + jnp.arange(n)
  embeddings = jnp.concatenate([first, second])
  return embeddings, jnp.concatenate([images, images])


def is_self(n: int, m: int, axis_name: AxisName | None) -> jax.Array:
  """Marks each anchor's own key.

  Args:
    n: rows on each device.
    m: rows on all devices.
    axis_name: the mapped axis, None outside of one.

  Returns:
    `[n, m]` bool.
  """
  rows = first_row(n, axis_name) + jnp.arange(n)
  return rows[:, None] == jnp.arange(m)[None, :]


def products(
  anchors: jax.Array, keys: jax.Array, matmul_dtype: DTypeLike | None = None
) -> jax.Array:
  """Multiplies all anchors with all keys.

  Args:
    anchors: `[n, d]`, float32 or float64.
    keys: `[m, d]`, same dtype.
    matmul_dtype: dtype that the operands are cast to, None for their own.

  Returns:
    `[n, m]`, of the dtype of `anchors`, which sums are accumulated in.
  """
  dtype = anchors.dtype
  precision = jax.lax.Precision.DEFAULT
  if matmul_dtype is None:
    # Accelerators multiply float32 in fewer bits unless told not to; who wants
    # that speed asks for it by `matmul_dtype`.
    precision = jax.lax.Precision.HIGHEST
  else:
    anchors, keys = anchors.astype(matmul_dtype), keys.astype(matmul_dtype)
  return jnp.einsum(
    "nd,md->nm",
    anchors,
    keys,
    precision=precision,
    preferred_element_type=dtype,
  )


def compare(
  embeddings: jax.Array,
  labels: jax.Array,
  *,
  temperature: ArrayLike,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  matmul_dtype: DTypeLike | None = None,
) -> Similarity:
  """Compares the local rows, as anchors, with the rows of all devices.

  Args:
    embeddings: `[n, d]`, floating.
    labels: `[n]`, integer, negative = unlabelled (neither anchor nor key).
    temperature: scalar > 0.
    axis_name: the mapped axis that rows are gathered over.
    stop_gradient_keys: whether the keys are constants to the gradient.
    matmul_dtype: dtype of the operands of the product.

  Returns:
    Similarities and masks.
  """
  anchors = l2_normalise(embeddings)
  keys, key_labels = gather(anchors, axis_name), gather(labels, axis_name)
  if stop_gradient_keys:
    keys = jax.lax.stop_gradient(keys)
  logits = products(anchors, keys, matmul_dtype)
  logits = logits / jnp.asarray(temperature, logits.dtype)
  is_other = ~is_self(labels.shape[0], key_labels.shape[0], axis_name)
  is_key = is_other & (labels >= 0)[:, None] & (key_labels >= 0)[None, :]
  is_positive = is_key & (labels[:, None] == key_labels[None, :])
  return Similarity(logits, is_key, is_positive)
