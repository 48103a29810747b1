"""SuNCEt: supervised noise contrastive estimation."""

import jax
from jax.typing import ArrayLike, DTypeLike

from suncet_jax.losses import _checks
from suncet_jax.losses._contrast import contrast, labelled_rows
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._similarity import AxisName


@maps_explicit_rows
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
    axis_name: name of the mapped axis inside `jax.shard_map` or `jax.pmap`, or
      a tuple of names; keys then come from all its devices. None elsewhere.
    stop_gradient_keys: whether the gradient flows through anchors only. By
      default it is exact, through anchors and keys.
    block_size: rows of a block; 0 makes one matrix of all similarities. None
      chooses: blocks from 2,048 keys on. Blocks give the same value with
      memory that grows with n, not with n squared.
    matmul_dtype: dtype to which the operands of products are cast, for example
      `jnp.bfloat16`, whose products are fast; sums are taken in float32. None
      multiplies in the dtype of the sums to its full precision, a name for
      that dtype as fast as the hardware likes to.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings. No anchor with a positive gives 0 with zero gradient.

  Raises:
    TypeError: embeddings are not floating, labels or `block_size` no integers,
      `matmul_dtype` not floating, or a second derivative of blocks.
    ValueError: wrong shapes, `temperature` not a scalar > 0, or `block_size`
      negative.

  Note:
    Gradients: under `jax.jit`, also with sharded arrays, there is nothing to
    do. Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the
    gradients of the parameters, never `psum`.

    Derivatives: in blocks the first one only, forward or backward, with
    respect to embeddings and temperature; all of them with `block_size=0`.

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
  units, labels = labelled_rows(embeddings, labels)
  _checks.check_options(temperature, block_size, matmul_dtype, units)
  return contrast(
    units,
    labels,
    "log_sum_exp",
    temperature=temperature,
    axis_name=axis_name,
    stop_gradient_keys=stop_gradient_keys,
    block_size=block_size,
    matmul_dtype=matmul_dtype,
  )
