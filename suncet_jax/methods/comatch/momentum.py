"""CoMatch with a momentum encoder."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax.methods.base import Encode, Moment, Views
from suncet_jax.methods.comatch import memory
from suncet_jax.methods.comatch.step import CoMatch, Seen


@dataclasses.dataclass(frozen=True)
class MomentumCoMatch(CoMatch):
  """CoMatch with a momentum encoder, as in the paper on ImageNet.

  The encoder sees the labelled and the strong views. An average of it, the
  teacher, sees the labelled, the weak and the third ones, in training mode with
  running statistics of its own; a second bank has the third views.

  Attributes:
    momentum: Decay of the average, per step.
    first_momentum: Decay in the first epoch.
  """

  momentum: float = 0.996
  first_momentum: float = 0.99

  def init(self, params: Any, batch_stats: Any) -> tuple[Any, Any]:
    """Returns the parameters as they are; the teacher is a copy."""
    params, state = super().init(params, batch_stats)
    state["teacher"] = jax.tree.map(jnp.copy, params)
    state["teacher_stats"] = jax.tree.map(jnp.copy, batch_stats)
    if self.graph_weight:
      state["graph_bank"] = self.empty_bank()
    return params, state

  def _see(
    self,
    params: Any,
    batch_stats: Any,
    state: Mapping[str, Any],
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[Seen, Any, dict[str, Any]]:
    """Moves the teacher, then returns outputs of both encoders."""
    weak_view, strong_view, *other_views = views.unlabelled
    (*labelled, strong), batch_stats = encode(
      params, batch_stats, (*views.labelled, strong_view)
    )
    teacher = self._teacher(params, state["teacher"], moment)
    outputs, teacher_stats = encode(
      teacher,
      state["teacher_stats"],
      (*views.labelled, weak_view, *other_views),
    )
    count = len(views.labelled)
    keys, (weak, *others) = outputs[:count], outputs[count:]
    other = others[0] if others else None
    return (
      Seen(labelled, strong, keys, weak, other),
      batch_stats,
      {**state, "teacher": teacher, "teacher_stats": teacher_stats},
    )

  def _teacher(self, params: Any, teacher: Any, moment: Moment) -> Any:
    """Returns the average with the parameters of this step."""
    decay = jnp.where(moment.epoch < 1, self.first_momentum, self.momentum)
    return jax.tree.map(
      lambda old, new: (decay * old + (1 - decay) * new).astype(old.dtype),
      teacher,
      jax.lax.stop_gradient(params),
    )

  def _is_smoothing(self, bank: memory.Bank, moment: Moment) -> jax.Array:
    """Returns whether labels are smoothed: from the second epoch on."""
    return super()._is_smoothing(bank, moment) & (moment.epoch >= 1)
