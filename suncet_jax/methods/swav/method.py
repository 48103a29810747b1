"""SwAV: views predict each other's balanced assignments to prototypes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.models import Outputs

_SHORT = 1e-12


@dataclasses.dataclass(frozen=True)
class SwAV(Method):
  """Caron et al. 2020, arXiv 2006.09882: clusters online, without labels.

  The columns of the prototypes have length 1: they are scaled outside of the
  gradient, after they are drawn and after each step. In averaged weights
  (`train.ema_decay`) they are means of such columns, and shorter; no evaluation
  and no exported encoder has them.

  Attributes:
    temperature: Temperature of predictions.
    epsilon: Temperature of assignments.
    sinkhorn_iterations: Turns of the balance between prototypes.
    queue: Number of earlier images that are balanced with the batch; 0: none.
    queue_start_epoch: Epoch from which on the queue is used, once full.
    frozen_epochs: Epochs in which the prototypes stay as drawn.
  """

  temperature: float = 0.1
  epsilon: float = 0.05
  sinkhorn_iterations: int = 3
  queue: int = 0
  queue_start_epoch: int = 15
  frozen_epochs: float = 1.0

  def init(self, params: Any, batch_stats: Any) -> tuple[Any, Any]:
    """Returns parameters with prototypes of length 1, and an empty queue.

    Args:
      params: Freshly drawn parameters of the encoder.
      batch_stats: Running statistics of the encoder.

    Returns:
      (params, method_state); the state has "rows" [2, l, d] of the two assigned
      views, newest first, and the number of "filled" rows; () without a queue.
    """
    del batch_stats
    columns = _unit(_prototypes(params), axis=0)
    state: Any = ()
    if self.queue:
      shape = (2, self.queue, columns.shape[0])
      state = {
        "rows": jnp.zeros(shape, columns.dtype),
        "filled": jnp.zeros((), jnp.int32),
      }
    return _with_prototypes(params, columns), state

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns SwAV of the projections of the views."""
    outputs, batch_stats = encode(params, batch_stats, views.unlabelled)
    value, metrics, aux = self.swap(outputs, params, method_state, moment)
    return value, StepOutput(batch_stats, metrics, aux)

  def swap(
    self,
    outputs: Sequence[Outputs],
    params: Any,
    method_state: Any,
    moment: Moment,
  ) -> tuple[jax.Array, dict[str, jax.Array], Any]:
    """Returns the loss of swapped predictions.

    Args:
      outputs: Outputs of the unlabelled views.
      params: Parameters of the encoder.
      method_state: Queue, or ().
      moment: Time of the step.

    Returns:
      (loss, metrics, what `update` needs).
    """
    held = jax.lax.stop_gradient(_prototypes(params))
    columns = jnp.where(self._is_frozen(moment), held, _prototypes(params))
    rows = [out["projection"] for out in outputs]
    newest = jnp.stack([_unit(jax.lax.stop_gradient(r)) for r in rows[:2]])

    def swapped(queue: jax.Array | None) -> tuple[jax.Array, jax.Array]:
      earlier = None if queue is None else queue[0] @ held
      return self._swav(rows, columns, queue), losses.sinkhorn(
        newest[0] @ held,
        earlier=earlier,
        epsilon=self.epsilon,
        iterations=self.sinkhorn_iterations,
      )

    if self.queue:
      value, assigned = jax.lax.cond(
        self._has_queue(method_state, moment),
        lambda: swapped(method_state["rows"]),
        lambda: swapped(None),
      )
    else:
      value, assigned = swapped(None)
    aux = {"prototypes": held, "newest": newest}
    return value, {"swav": value, **_assignment_metrics(assigned)}, aux

  def update(
    self, params: Any, method_state: Any, aux: Any, moment: Moment
  ) -> tuple[Any, Any]:
    """Returns prototypes of length 1, or frozen ones, and the queue moved on.

    Args:
      params: Parameters after the optimizer.
      method_state: Queue that this step used, or ().
      aux: Prototypes before the optimizer, and the newest unit rows.
      moment: Time of the step.
    """
    columns = jnp.where(
      # Without a gradient, decay and momentum would move them all the same.
      self._is_frozen(moment),
      aux["prototypes"],
      _unit(_prototypes(params), axis=0),
    )
    params = _with_prototypes(params, columns)
    if not self.queue:
      return params, method_state
    newest = aux["newest"]
    rows = jnp.concatenate([newest, method_state["rows"]], axis=1)
    filled = method_state["filled"] + newest.shape[1]
    return params, {
      "rows": rows[:, : self.queue],
      "filled": jnp.minimum(filled, self.queue),
    }

  def _swav(
    self,
    rows: Sequence[jax.Array],
    columns: jax.Array,
    queue: jax.Array | None,
  ) -> jax.Array:
    return losses.swav(
      rows,
      prototypes=columns,
      queue=queue,
      temperature=self.temperature,
      epsilon=self.epsilon,
      iterations=self.sinkhorn_iterations,
    )

  def _is_frozen(self, moment: Moment) -> jax.Array:
    return moment.epoch < self.frozen_epochs

  def _has_queue(self, state: Any, moment: Moment) -> jax.Array:
    is_full = state["filled"] >= self.queue
    return is_full & (moment.epoch >= self.queue_start_epoch)


def _prototypes(params: Any) -> jax.Array:
  """Returns the prototypes [d, k]."""
  return params["prototypes"]["dense1"]["kernel"]


def _with_prototypes(params: Any, columns: jax.Array) -> Any:
  return {**params, "prototypes": {"dense1": {"kernel": columns}}}


def _unit(array: jax.Array, axis: int = 1) -> jax.Array:
  """Scales rows, or columns, to length 1; those of length 0 stay."""
  length = jnp.linalg.norm(array, axis=axis, keepdims=True)
  return array / jnp.maximum(length, _SHORT)


def _assignment_metrics(assigned: jax.Array) -> dict[str, jax.Array]:
  """Returns what assignments [n, k] say about the prototypes."""
  count = assigned.shape[1]
  choices = jnp.zeros(count).at[jnp.argmax(assigned, axis=1)].set(1.0)
  return {
    "assignment_entropy": jnp.mean(_entropy(assigned)),
    "mean_assignment_entropy": _entropy(jnp.mean(assigned, axis=0)),
    "prototypes_used": jnp.mean(choices),
  }


def _entropy(probabilities: jax.Array) -> jax.Array:
  return jnp.sum(jax.scipy.special.entr(probabilities), axis=-1)


def build(config: ConfigDict, class_count: int) -> SwAV:
  """Builds SwAV from `config.method`."""
  del class_count
  method = config.method
  return SwAV(
    temperature=method.temperature,
    epsilon=method.epsilon,
    sinkhorn_iterations=method.sinkhorn_iterations,
    queue=method.queue,
    queue_start_epoch=method.queue_start_epoch,
    frozen_epochs=method.frozen_epochs,
  )
