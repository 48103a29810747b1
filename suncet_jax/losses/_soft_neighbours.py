"""Log-probabilities of soft nearest neighbours among labelled images."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses._partition import everywhere
from suncet_jax.losses._reduce import masked_logsumexp
from suncet_jax.losses._row_blocks import map_rows
from suncet_jax.losses._similarity import AxisName, l2_normalize, multiply

# Logarithm of the probability of a class without support.
_NEVER = -1e30


class Classes(NamedTuple):
  """Classes of the labelled images of all devices, k in all.

  Attributes:
    labels: Labels [s], k for rows that do not count.
    one_hot: The same as rows [s, k] float32, zeros for those rows.
    is_present: Mask [k] of the classes that have a row.
  """

  labels: jax.Array
  one_hot: jax.Array
  is_present: jax.Array


def all_classes(
  labels: jax.Array, class_count: int, axis_name: AxisName | None
) -> Classes:
  """Returns the classes of the supports of all devices.

  Args:
    labels: Labels [n] of this device; those not in [0, k) do not count.
    class_count: Number of classes k.
    axis_name: Mapped axis that supports are spread over.
  """
  counted = jnp.where(_counts(labels, class_count), labels, class_count)
  labels = everywhere(counted, axis_name)
  is_present = jnp.zeros(class_count, bool).at[labels].set(True, mode="drop")
  one_hot = jax.nn.one_hot(labels, class_count, dtype=jnp.float32)
  return Classes(labels, one_hot, is_present)


def all_supports(
  rows: jax.Array,
  labels: jax.Array,
  class_count: int,
  axis_name: AxisName | None,
) -> jax.Array:
  """Returns the supports of all devices, as rows [s, d] of length 1.

  Args:
    rows: Supports [n, d] of this device.
    labels: Labels [n] of this device.
    class_count: Number of classes k.
    axis_name: Mapped axis that supports are spread over.
  """
  # What does not count must not bring NaN in, either.
  held = jnp.where(_counts(labels, class_count)[:, None], rows, 0)
  return everywhere(l2_normalize(held), axis_name)


def log_predictions(
  rows: jax.Array,
  supports: jax.Array,
  classes: Classes,
  temperature: ArrayLike,
  label_smoothing: ArrayLike,
) -> jax.Array:
  """Returns log-probabilities [n, k] of the classes, least if absent.

  Args:
    rows: Embeddings [n, d].
    supports: Supports [s, d] of all devices, of length 1.
    classes: Classes of the supports.
    temperature: Temperature of similarities.
    label_smoothing: Share of a label that is spread over all classes.
  """
  logs = _unsmoothed(l2_normalize(rows), supports, classes, temperature)
  count = jnp.maximum(jnp.sum(classes.is_present), 1).astype(logs.dtype)
  share = jnp.asarray(label_smoothing, logs.dtype)
  logs = jnp.logaddexp(logs + jnp.log1p(-share), jnp.log(share / count))
  return jnp.where(classes.is_present, logs, _NEVER)


def _counts(labels: jax.Array, class_count: int) -> jax.Array:
  return (labels >= 0) & (labels < class_count)


def _unsmoothed(
  rows: jax.Array,
  supports: jax.Array,
  classes: Classes,
  temperature: ArrayLike,
) -> jax.Array:
  """Returns log-probabilities [n, k] by unsmoothed labels, 0 if absent."""
  inverse = 1 / jnp.asarray(temperature, rows.dtype)
  count = classes.is_present.size
  is_support = classes.labels < count
  one_hot = classes.one_hot.astype(rows.dtype)

  def of_block(block: jax.Array) -> jax.Array:
    logits = inverse * multiply(block, supports, (1, 1), dtype=rows.dtype)
    mask = jnp.broadcast_to(is_support, logits.shape)
    logits -= masked_logsumexp(logits, mask)[:, None]
    # The largest of each class, so that no class underflows as a whole.
    largest = jax.ops.segment_max(
      jax.lax.stop_gradient(logits).T, classes.labels, count
    ).T
    largest = jnp.where(classes.is_present, largest, 0)
    own = jnp.take(largest, classes.labels, axis=1, mode="clip")
    terms = jnp.where(mask, jnp.exp(jnp.where(mask, logits - own, 0)), 0)
    sums = multiply(terms, one_hot, (1, 0), dtype=rows.dtype)
    return largest + jnp.log(jnp.where(classes.is_present, sums, 1))

  return map_rows(of_block, rows, classes.labels.size)
