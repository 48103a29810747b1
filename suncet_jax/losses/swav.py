"""SwAV: swapped predictions of balanced assignments to prototypes."""

import functools
import numbers
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _options
from suncet_jax.losses._logits import (
  bounded,
  check_columns,
  checked_logits,
  cross_entropies,
)
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_over_anchors
from suncet_jax.losses._similarity import AxisName, l2_normalize, multiply


@explained("losses")
def sinkhorn(
  scores: ArrayLike,
  *,
  earlier: ArrayLike | None = None,
  epsilon: ArrayLike = 0.05,
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
    >>> [f"{first:.2f}" for first, _ in losses.sinkhorn(scores)]
    ['0.73', '0.27']

  References:
    Caron et al., `Unsupervised Learning of Visual Features by Contrasting
    Cluster Assignments <https://arxiv.org/abs/2006.09882>`_, 2020: equation 3.
  """
  _check_balance("sinkhorn", epsilon, iterations)
  _options.check_axis("sinkhorn", axis_name)
  scores = checked_logits("sinkhorn", "scores", scores)
  queue = scores[:0]
  if earlier is not None:
    queue = checked_logits("sinkhorn", "earlier", earlier)
    check_columns("sinkhorn", scores=scores, earlier=queue)
  return _sinkhorn(scores, queue, epsilon, iterations, axis_name)


@functools.partial(jax.jit, static_argnums=(3, 4))
def _sinkhorn(
  scores: jax.Array,
  queue: jax.Array,
  epsilon: ArrayLike,
  iterations: int,
  axis_name: AxisName | None,
) -> jax.Array:
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
  rows = jnp.concatenate([scores, queue])
  largest = jnp.max(rows, axis=0, initial=-jnp.inf)
  if axis_name is not None:
    largest = jax.lax.pmax(largest, axis_name)
  total = jnp.sum(jnp.exp(scores - largest), axis=0)
  if axis_name is not None:
    total = jax.lax.psum(total, axis_name)
  return largest + jnp.log(total + jnp.sum(jnp.exp(queue - largest), axis=0))


@explained("losses")
def swav(
  views: Sequence[ArrayLike],
  *,
  prototypes: ArrayLike,
  queue: ArrayLike | None = None,
  temperature: ArrayLike = 0.1,
  epsilon: ArrayLike = 0.05,
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
    raise ValueError(
      f"losses.swav: views must be at least 2, got {len(views)}."
    )
  rows = [
    _checks.checked_embeddings("swav", f"views[{index}]", view)
    for index, view in enumerate(views)
  ]
  columns = _checked_prototypes(prototypes, rows)
  if queue is not None:
    queue = jnp.asarray(queue)
    if queue.ndim != 3 or queue.shape[::2] != (2, columns.shape[0]):
      raise ValueError(
        "losses.swav: queue must be [2, l, d], of view 0 and of view 1, got "
        f"shape {queue.shape}."
      )
  _check_balance("swav", epsilon, iterations)
  _options.check_axis("swav", axis_name)
  return _swav(
    rows,
    prototypes=columns,
    queue=queue,
    temperature=_options.checked_temperature("swav", temperature),
    epsilon=epsilon,
    iterations=iterations,
    axis_name=axis_name,
  )


@functools.partial(jax.jit, static_argnames=("iterations", "axis_name"))
@maps_explicit_rows
def _swav(
  views: Sequence[jax.Array],
  *,
  prototypes: jax.Array,
  queue: jax.Array | None,
  temperature: ArrayLike,
  epsilon: ArrayLike,
  iterations: int,
  axis_name: AxisName | None,
) -> jax.Array:
  units = [l2_normalize(view) for view in views]
  columns = prototypes.astype(units[0].dtype)
  scores = [_product(view, columns) for view in units]
  inverse = 1 / jnp.asarray(temperature, columns.dtype)
  logs = [jax.nn.log_softmax(bounded(each * inverse)) for each in scores]
  values = jnp.zeros(len(units[0]), columns.dtype)
  for assigned in range(2):
    earlier = scores[assigned][:0]
    if queue is not None:
      earlier = _product(queue[assigned].astype(columns.dtype), columns)
    targets = _sinkhorn(
      scores[assigned], earlier, epsilon, iterations, axis_name
    )
    for view, log in enumerate(logs):
      if view != assigned:
        values += cross_entropies(targets, log)
  values /= 2 * (len(views) - 1)
  return mean_over_anchors(values, jnp.ones_like(values, bool), axis_name)


def _check_balance(function: str, epsilon: ArrayLike, iterations: int) -> None:
  _options.check_static(function, iterations=iterations)
  is_known = not isinstance(epsilon, jax.Array)
  is_count = isinstance(iterations, numbers.Integral) and iterations >= 1
  if (is_known and not epsilon > 0) or not is_count:  # type: ignore[operator]
    raise ValueError(
      f"losses.{function}: epsilon must be > 0 and iterations an integer >= 1, "
      f"got {epsilon} and {iterations}."
    )


def _checked_prototypes(
  prototypes: ArrayLike, views: Sequence[jax.Array]
) -> jax.Array:
  columns = _checks.checked_embeddings("swav", "prototypes", prototypes)
  shapes = {view.shape for view in views}
  if len(shapes) > 1 or columns.shape[0] != views[0].shape[1]:
    raise ValueError(
      "losses.swav: views must have one shape [n, d] and prototypes [d, k], "
      f"got {sorted(shapes)} and {columns.shape}."
    )
  return columns


def _product(rows: jax.Array, columns: jax.Array) -> jax.Array:
  return multiply(rows, columns, (1, 0), dtype=columns.dtype)
