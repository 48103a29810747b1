"""SupCon: the supervised contrastive loss, in both of its forms."""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._reduce import masked_logsumexp, mean_over_anchors
from suncet_jax.losses._similarity import AxisName, Similarity, compare


def supcon(
  embeddings: ArrayLike,
  labels: ArrayLike,
  *,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  block_size: int | None = None,
  matmul_dtype: DTypeLike | None = None,
  variant: str = "out",
) -> jax.Array:
  r"""Returns the SupCon loss: an anchor should be near all of its class.

  With :math:`P(i)` the keys of anchor i's class and :math:`A(i)` all labelled
  keys, both without i itself, cosine similarities :math:`s_{ij}` and
  :math:`p_{ij} = \exp(s_{ij} / \tau) / \sum_{k \in A(i)} \exp(s_{ik} / \tau)`,

  .. math::
    \ell_i^{out} = -\frac{1}{|P(i)|} \sum_{j \in P(i)} \log p_{ij}
    \qquad
    \ell_i^{in} = -\log \frac{1}{|P(i)|} \sum_{j \in P(i)} p_{ij}

  averaged over all anchors of all devices that have a positive. The second
  form is :math:`\log |P(i)|` plus `suncet`.

  Args:
    embeddings: `[n, d]`, floating; rows need no normalisation.
    labels: `[n]`, integer; negative means unlabelled: the row is neither
      anchor nor key.
    temperature: :math:`\tau > 0`. There is no base temperature: nothing scales
      the loss.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      keys then come from all its devices. None elsewhere.
    stop_gradient_keys: whether the gradient flows through anchors only. By
      default it is exact, through anchors and keys.
    block_size: None or 0; the similarity matrix is materialised.
    matmul_dtype: dtype to which the operands of the similarity product are
      cast, for example `jnp.bfloat16`; sums are accumulated in float32.
    variant: "out" or "in", the place of the mean over positives: outside or
      inside of the logarithm.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings. No anchor with a positive gives 0 with zero gradient.

  Raises:
    TypeError: embeddings are not floating or labels not integer.
    ValueError: wrong shapes, `temperature` not > 0, a `block_size`, or an
      unknown `variant`.

  Note:
    Gradients: under `jax.jit`, also with sharded arrays, there is nothing to
    do. Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the
    gradients of the parameters, never `psum`.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows, labels = jnp.ones((4, 2)), jnp.array([0, 0, 1, 1])
    >>> round(float(losses.supcon(rows, labels)), 3)  # log(3): no preference
    1.099

  References:
    Khosla et al., `Supervised Contrastive Learning
    <https://arxiv.org/abs/2004.11362>`_, 2020: equations 2 and 3.
  """
  embeddings = _checks.checked_embeddings("embeddings", embeddings)
  labels = _checks.checked_labels(labels, embeddings.shape[0])
  _checks.check_options(temperature, block_size)
  if variant not in _POSITIVE_TERMS:
    raise ValueError(
      f"variant must be one of {sorted(_POSITIVE_TERMS)}, got {variant!r}."
    )
  similarity = compare(
    embeddings,
    labels,
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    matmul_dtype=matmul_dtype,
  )
  over_keys = masked_logsumexp(similarity.logits, similarity.is_key)
  over_positives = _POSITIVE_TERMS[variant](similarity)
  has_positive = similarity.is_positive.any(axis=1)
  return mean_over_anchors(over_keys - over_positives, has_positive, axis_name)


def _mean_of_positives(similarity: Similarity) -> jax.Array:
  """Returns `[n]`: the mean of the logits of the positives."""
  positives = jnp.where(similarity.is_positive, similarity.logits, 0)
  return jnp.sum(positives, axis=1) / _count_positives(similarity)


def _log_mean_exp_of_positives(similarity: Similarity) -> jax.Array:
  """Returns `[n]`: the logarithm of the mean of exp(logits) of positives."""
  total = masked_logsumexp(similarity.logits, similarity.is_positive)
  return total - jnp.log(_count_positives(similarity))


def _count_positives(similarity: Similarity) -> jax.Array:
  """Returns `[n]`: the number of positives, 1 where there is none."""
  count = jnp.sum(similarity.is_positive, axis=1)
  return jnp.maximum(count, 1).astype(similarity.logits.dtype)


_POSITIVE_TERMS = {
  "in": _log_mean_exp_of_positives,
  "out": _mean_of_positives,
}
