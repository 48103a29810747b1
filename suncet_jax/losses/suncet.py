"""SuNCEt: supervised noise contrastive estimation."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._reduce import masked_logsumexp, mean_over_anchors
from suncet_jax.losses._similarity import AxisName, compare


def suncet(
  embeddings: ArrayLike,
  labels: ArrayLike,
  *,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
  stop_gradient_keys: bool = False,
  block_size: int | None = None,
  matmul_dtype: DTypeLike | None = None,
) -> jax.Array:
  r"""Returns the SuNCEt loss: an anchor should pick its class among all keys.

  With :math:`P(i)` the keys of anchor i's class and :math:`A(i)` all labelled
  keys, both without i itself, and cosine similarities :math:`s_{ij}`,

  .. math::
    \ell_i = -\log \frac{\sum_{j \in P(i)} \exp(s_{ij} / \tau)}
                        {\sum_{k \in A(i)} \exp(s_{ik} / \tau)}

  averaged over all anchors of all devices that have a positive.

  Args:
    embeddings: `[n, d]`, floating; rows need no normalisation.
    labels: `[n]`, integer; negative means unlabelled: the row is neither
      anchor nor key.
    temperature: :math:`\tau > 0`.
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`;
      keys then come from all its devices. None elsewhere.
    stop_gradient_keys: whether the gradient flows through anchors only. By
      default it is exact, through anchors and keys.
    block_size: None or 0; the similarity matrix is materialised.
    matmul_dtype: dtype to which the operands of the similarity product are
      cast, for example `jnp.bfloat16`; sums are accumulated in float32.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings. No anchor with a positive gives 0 with zero gradient.

  Raises:
    TypeError: embeddings are not floating or labels not integer.
    ValueError: wrong shapes, `temperature` not > 0, or a `block_size`.

  Note:
    Gradients: under `jax.jit`, also with sharded arrays, there is nothing to
    do. Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the
    gradients of the parameters, never `psum`.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> bool(losses.suncet(rows, jnp.array([0, 0, 1, 1])) < 0.01)
    True
    >>> float(losses.suncet(rows, jnp.array([0, 1, 2, 3])))
    0.0

  References:
    Assran et al., `Supervision Accelerates Pre-training in Contrastive
    Semi-Supervised Learning of Visual Representations
    <https://arxiv.org/abs/2006.10803>`_, 2020: the SuNCEt loss.
  """
  embeddings = _checks.checked_embeddings("embeddings", embeddings)
  labels = _checks.checked_labels(labels, embeddings.shape[0])
  _checks.check_options(temperature, block_size)
  logits, is_key, is_positive = compare(
    embeddings,
    labels,
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    matmul_dtype=matmul_dtype,
  )
  over_keys = masked_logsumexp(logits, is_key)
  over_positives = masked_logsumexp(logits, is_positive)
  has_positive = is_positive.any(axis=1)
  return mean_over_anchors(over_keys - over_positives, has_positive, axis_name)
