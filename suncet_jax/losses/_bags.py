"""Rows that have a bag of keys each, in blocks of rows."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses import _checks
from suncet_jax.losses._logits import bounded
from suncet_jax.losses._partition import everywhere
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._row_blocks import map_rows
from suncet_jax.losses._similarity import AxisName, l2_normalize, multiply


def checked(
  function: str, rows: ArrayLike, bags: ArrayLike, names: tuple[str, str]
) -> tuple[jax.Array, jax.Array]:
  """Returns rows [n, d] and their bags [n, p, d] as arrays.

  Args:
    function: Name of the function that was called, for messages.
    rows: Embeddings.
    bags: Embeddings; bag i is that of row i.
    names: Names of both arguments, for messages.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, or there are no keys.
  """
  rows = _checks.checked_embeddings(function, names[0], rows)
  bags = _checks.checked_embeddings(function, names[1], bags, "n, p, d")
  if rows.shape != (bags.shape[0], bags.shape[2]) or not bags.shape[1]:
    raise ValueError(
      f"losses.{function}: {names[0]} [n, d] and {names[1]} [n, p, d] must "
      "have one n and one d, and p > 0, got shapes "
      f"{rows.shape} and {bags.shape}."
    )
  return rows, bags


def mean_value(
  anchors: jax.Array,
  bags: jax.Array,
  temperature: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  """Returns MIL-NCE of embeddings that are scaled or bounded already.

  Args:
    anchors: Embeddings [n, d] that `embedded` returned.
    bags: Embeddings [n, p, d] that `embedded` returned, of the same dtype.
    temperature: Temperature, a scalar > 0.
    axis_name: Mapped axis that rows are spread over.
  """
  dtype = anchors.dtype
  inverse = 1 / jnp.asarray(temperature, dtype)
  all_anchors = everywhere(anchors, axis_name)
  all_keys = everywhere(bags, axis_name).reshape(-1, bags.shape[-1])

  def similarities(left: jax.Array, right: jax.Array) -> jax.Array:
    return bounded(multiply(left, right, (1, 1), dtype=dtype) * inverse)

  def of_block(block: tuple[jax.Array, jax.Array]) -> jax.Array:
    rows, own = block
    from_rows = similarities(rows, all_keys)
    from_bags = similarities(own.reshape(-1, own.shape[-1]), all_anchors)
    from_bags = from_bags.reshape(len(rows), own.shape[1] * len(all_anchors))
    logits = jnp.concatenate([from_rows, from_bags], axis=1)
    own_logits = bounded(inverse * dots(rows, own))
    return jax.nn.logsumexp(logits, axis=1) - jax.nn.logsumexp(own_logits, 1)

  values = map_rows(of_block, (anchors, bags), 2 * all_keys.shape[0])
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


def embedded(embeddings: jax.Array, normalize: bool) -> jax.Array:
  """Returns embeddings whose products are finite, float32 or float64.

  Args:
    embeddings: Floating embeddings [..., d] of any finite magnitude.
    normalize: Whether to scale them to length 1; otherwise they are left as
      they are, and clipped where a product could overflow.
  """
  if normalize:
    rows = embeddings.reshape(-1, embeddings.shape[-1])
    return l2_normalize(rows).reshape(embeddings.shape)
  is_double = embeddings.dtype == jnp.float64
  embeddings = embeddings.astype(jnp.float64 if is_double else jnp.float32)
  most = jnp.finfo(embeddings.dtype).max / (4 * max(embeddings.shape[-1], 1))
  return jnp.clip(embeddings, -jnp.sqrt(most), jnp.sqrt(most))


def dots(rows: jax.Array, own: jax.Array) -> jax.Array:
  """Returns products [n, p] of rows [n, d] with their own bags.

  Args:
    rows: Embeddings [n, d].
    own: Embeddings [n, p, d].
  """
  return jnp.einsum("nd,npd->np", rows, own, precision="highest")
