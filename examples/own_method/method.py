"""Decoupled contrastive learning, in plain JAX on the rows of all devices."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views


@dataclasses.dataclass(frozen=True)
class DCL(Method):
  """Yeh et al. 2021, arXiv 2110.06848: NT-Xent with a smaller denominator.

  Attributes:
    temperature: Temperature of the loss.
  """

  temperature: float

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns DCL of the projections of the two views."""
    del method_state, moment
    outputs, batch_stats = encode(params, batch_stats, views.unlabelled)
    first, second = (out["projection"] for out in outputs)
    value, cosine = dcl(first, second, self.temperature)
    metrics = {"dcl": value, "positive_cosine": cosine}
    return value, StepOutput(batch_stats, metrics)


def dcl(
  first: jax.Array, second: jax.Array, temperature: float
) -> tuple[jax.Array, jax.Array]:
  """Computes the decoupled contrastive loss of two views.

  Anchor i of 2n has the other view of its image as positive p, and the rows
  of all other images as negatives k; with s(i, j) = cosine / temperature

      loss_i = log sum_k exp(s(i, k)) - s(i, p)

  Under jit XLA gathers rows that are spread over devices. The 2n x 2n matrix is
  made in full on each, which `suncet_jax.losses` avoids for large batches.

  Args:
    first: Embeddings of the first views, [n, d], n > 1.
    second: Those of the second views, of the same images in the same order.
    temperature: Temperature, > 0.

  Returns:
    (mean loss of all anchors in nats, mean cosine of the positives).
  """
  count = first.shape[0]
  rows = _unit(jnp.concatenate([first, second]))
  cosines = jnp.matmul(rows, rows.T, precision="highest")
  image = jnp.arange(2 * count) % count
  is_negative = image[:, None] != image
  negatives = jax.nn.logsumexp(cosines / temperature, axis=1, where=is_negative)
  positive = jnp.mean(jnp.sum(rows[:count] * rows[count:], axis=1))
  return jnp.mean(negatives) - positive / temperature, positive


def _unit(rows: jax.Array) -> jax.Array:
  """Returns rows of length 1; the bound keeps the gradient of 0 finite."""
  squares = jnp.sum(rows**2, axis=1, keepdims=True)
  return rows * jax.lax.rsqrt(jnp.maximum(squares, 1e-12))


def build(config: ConfigDict, class_count: int) -> DCL:
  """Builds the method from `config.method`."""
  del class_count
  return DCL(config.method.temperature)
