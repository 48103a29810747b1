"""What CoMatch remembers of earlier steps: mean predictions, and rows."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

_SMALLEST = 1e-12  # of a mean prediction
# Similarities of rows to a bank that are made at once: 64 MB of float32.
_AT_ONCE = 2**24


class History(NamedTuple):
  """Mean predictions of the last steps, the newest first.

  Attributes:
    means: Mean predictions [steps, c]; zeros where there was no step yet.
    seen: Number of steps that `means` holds, int32.
  """

  means: jax.Array
  seen: jax.Array

  @property
  def mean(self) -> jax.Array:
    """Mean prediction [c] of the steps."""
    return self.means.sum(axis=0) / jnp.maximum(self.seen, 1)


class Bank(NamedTuple):
  """Embeddings and labels of the last rows, the newest first.

  Attributes:
    rows: Embeddings of length 1, [m, d].
    labels: Probabilities [m, c].
    pushed: Number of rows that ever came, up to m + 1, int32.
  """

  rows: jax.Array
  labels: jax.Array
  pushed: jax.Array

  @property
  def is_filled(self) -> jax.Array:
    """Mask [m] of the rows that came from images."""
    return jnp.arange(len(self.rows)) < self.pushed


def empty_history(steps: int, class_count: int) -> History:
  """Returns the history of no step.

  Args:
    steps: Number of steps to keep.
    class_count: Number of classes.
  """
  return History(jnp.zeros((steps, class_count)), jnp.zeros((), jnp.int32))


def empty_bank(rows: int, size: int, class_count: int) -> Bank:
  """Returns a bank without a row.

  Args:
    rows: Number of rows to keep.
    size: Size of an embedding.
    class_count: Number of classes.
  """
  return Bank(
    jnp.zeros((rows, size)),
    jnp.zeros((rows, class_count)),
    jnp.zeros((), jnp.int32),
  )


def remember(history: History, mean: jax.Array) -> History:
  """Returns the history with a further mean prediction [c]."""
  return History(
    _newest(history.means, mean[None]),
    jnp.minimum(history.seen + 1, len(history.means)),
  )


def push(bank: Bank, rows: jax.Array, labels: jax.Array) -> Bank:
  """Returns the bank with further rows [n, d], and labels [n, c]."""
  return Bank(
    _newest(bank.rows, rows),
    _newest(bank.labels, labels),
    jnp.minimum(bank.pushed + len(rows), len(bank.rows) + 1),
  )


def _newest(old: jax.Array, new: jax.Array) -> jax.Array:
  joined = jnp.concatenate([new.astype(old.dtype), old])
  return joined[: len(old)]


def aligned(predicted: jax.Array, mean: jax.Array) -> jax.Array:
  """Returns predictions as if all classes were equally frequent.

  Args:
    predicted: Probabilities [n, c].
    mean: Mean prediction [c].
  """
  ratio = predicted / jnp.maximum(mean, _SMALLEST)
  return ratio / ratio.sum(axis=1, keepdims=True)


def neighbours(rows: jax.Array, bank: Bank, temperature: float) -> jax.Array:
  """Returns the labels [n, c] of similar rows of a bank, weighted.

  The similarities [n, m] are made for a block of rows at a time where they
  would pass 64 MB.

  Args:
    rows: Embeddings of length 1, [n, d].
    bank: Bank; rows that are not filled have no weight.
    temperature: Temperature of the weights.
  """

  def of_block(block: jax.Array) -> jax.Array:
    scores = _product(block, bank.rows.T) / temperature
    scores = jnp.where(bank.is_filled, scores, jnp.finfo(scores.dtype).min)
    return _product(jax.nn.softmax(scores), bank.labels)

  n = len(rows)
  least = math.ceil(n * len(bank.rows) / _AT_ONCE)
  blocks = next((k for k in range(max(1, least), n) if n % k == 0), n)
  # Strided, so that every device has rows in each of them.
  parts = rows.reshape(-1, blocks, rows.shape[1]).swapaxes(0, 1)
  labels = jax.lax.map(of_block, parts)
  return labels.swapaxes(0, 1).reshape(n, -1)


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def unit(rows: jax.Array) -> jax.Array:
  """Returns constant rows [n, d] of length 1; one of zeros stays."""
  rows = jax.lax.stop_gradient(rows)
  length = jnp.linalg.norm(rows, axis=1, keepdims=True)
  return rows / jnp.maximum(length, _SMALLEST)
