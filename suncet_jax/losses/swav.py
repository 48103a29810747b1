"""SwAV: swapped predictions of balanced assignments to prototypes."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.losses import _checks
from suncet_jax.losses._logits import bounded, checked_logits, cross_entropies
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import AxisName, l2_normalize, multiply


def sinkhorn(
  scores: ArrayLike,
  *,
  earlier: ArrayLike | None = None,
  epsilon: float = 0.05,
  iterations: int = 3,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns assignments that use all prototypes about equally.

  The logarithm of :math:`\exp(scores / \epsilon)` is normalised over samples,
  then over prototypes, in turns. It is the published scaling of a matrix, to
  the last digit, and can neither overflow nor divide by 0.

  Args:
    scores: Scores [n, k] of samples and prototypes.
    earlier: Scores [l, k] of a queue, the same on all devices, which are
      balanced with the others and not returned.
    epsilon: Temperature :math:`\epsilon > 0`; the larger, the more even.
    iterations: Number of turns, at least 1.
    axis_name: Name or names of the mapped axis, whose devices' samples are
      balanced together; None outside of one.

  Returns:
    Assignments [n, k], rows of sum 1, without gradient: float32, or float64
    for float64 scores.

  Raises:
    TypeError: Scores are not floating.
    ValueError: The rank is not 2, or an option is out of its range.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> scores = jnp.array([[0.9, 0.0], [0.8, 0.0]])
    >>> print(losses.sinkhorn(scores).round(2))
    [[0.73 0.27]
     [0.27 0.73]]

  References:
    Caron et al., `Unsupervised Learning of Visual Features by Contrasting
    Cluster Assignments <https://arxiv.org/abs/2006.09882>`_, 2020: equation 3.
  """
  if not epsilon > 0 or iterations < 1:
    raise ValueError(
      f"epsilon must be > 0 and iterations >= 1, got {epsilon} and"
      f" {iterations}."
    )
  scores = checked_logits("scores", scores)
  queue = scores[:0] if earlier is None else checked_logits("earlier", earlier)
  scores = jax.lax.stop_gradient(bounded(scores / epsilon))
  queue = jax.lax.stop_gradient(bounded(queue.astype(scores.dtype) / epsilon))
  for _ in range(iterations):
    total = _log_sums(scores, queue, axis_name)
    scores = jax.nn.log_softmax(scores - total)
    queue = jax.nn.log_softmax(queue - total)
  return jnp.exp(scores)


def _log_sums(
  scores: jax.Array, queue: jax.Array, axis_name: AxisName | None
) -> jax.Array:
  """Returns log-sum-exps [k] over the samples of all devices and the queue."""
  largest = jnp.max(jnp.concatenate([scores, queue]), axis=0)
  if axis_name is not None:
    largest = jax.lax.pmax(largest, axis_name)
  total = jnp.sum(jnp.exp(scores - largest), axis=0)
  if axis_name is not None:
    total = jax.lax.psum(total, axis_name)
  return largest + jnp.log(total + jnp.sum(jnp.exp(queue - largest), axis=0))


@maps_explicit_rows
def swav(
  views: Sequence[ArrayLike],
  *,
  prototypes: ArrayLike,
  queue: ArrayLike | None = None,
  temperature: ArrayLike = 0.1,
  epsilon: float = 0.05,
  iterations: int = 3,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns the SwAV loss: each view predicts the assignments of the others.

  With scores :math:`s^v = z^v C` and :math:`q^i` the `sinkhorn` of
  :math:`s^i`, for V views of which the first two are assigned,

  .. math::
    \frac{1}{2 (V - 1)} \sum_{i \in \{0, 1\}} \sum_{v \neq i}
    \frac{1}{n} \sum_b H(q^i_b, \mathrm{softmax}(s^v_b / \tau))

  Embeddings that have collapsed give :math:`\log k`. There are V matrices
  [n, k].

  Args:
    views: Floating embeddings [n, d] of each of the V >= 2 views of the same
      images; rows need no normalisation.
    prototypes: Prototypes C [d, k], the same on all devices, taken as they are:
      columns of length 1 are the caller's work.
    queue: Embeddings [2, l, d] of earlier images, of view 0 and of view 1, that
      are assigned together with the batch; all rows count.
    temperature: Temperature :math:`\tau > 0` of predictions.
    epsilon: Temperature of assignments.
    iterations: Iterations of `sinkhorn`.
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, or an option is out of its range.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.eye(4)
    >>> bool(losses.swav([rows, rows], prototypes=rows) < 0.001)
    True

  References:
    Caron et al., `Unsupervised Learning of Visual Features by Contrasting
    Cluster Assignments <https://arxiv.org/abs/2006.09882>`_, 2020: equations 1,
    2 and 6.
  """
  if len(views) < 2:
    raise ValueError(f"swav needs at least 2 views, got {len(views)}.")
  units = [
    l2_normalize(_checks.checked_embeddings(f"views[{index}]", view))
    for index, view in enumerate(views)
  ]
  _checks.check_options(temperature, None, None, units[0])
  columns = _checked_prototypes(prototypes, units)
  scores = [_product(view, columns) for view in units]
  inverse = 1 / jnp.asarray(temperature, units[0].dtype)
  logs = [jax.nn.log_softmax(bounded(each * inverse)) for each in scores]
  values = jnp.zeros(units[0].shape[0], units[0].dtype)
  for assigned in range(2):
    earlier = None
    if queue is not None:
      rows = _checks.checked_embeddings("queue", jnp.asarray(queue)[assigned])
      earlier = _product(rows.astype(columns.dtype), columns)
    targets = sinkhorn(
      scores[assigned],
      earlier=earlier,
      epsilon=epsilon,
      iterations=iterations,
      axis_name=axis_name,
    )
    for view, log in enumerate(logs):
      if view != assigned:
        values += cross_entropies(targets, log)
  values /= 2 * (len(views) - 1)
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


def _checked_prototypes(
  prototypes: ArrayLike, units: Sequence[jax.Array]
) -> jax.Array:
  columns = _checks.checked_embeddings("prototypes", prototypes)
  shapes = {view.shape for view in units}
  if len(shapes) > 1 or columns.shape[0] != units[0].shape[1]:
    raise ValueError(
      "views must have one shape [n, d] and prototypes [d, k], got "
      f"{sorted(shapes)} and {columns.shape}."
    )
  return columns.astype(units[0].dtype)


def _product(rows: jax.Array, columns: jax.Array) -> jax.Array:
  return multiply(rows, columns, (1, 0), dtype=columns.dtype)
