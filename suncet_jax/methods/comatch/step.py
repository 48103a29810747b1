"""CoMatch's step: three losses and the memories that they draw on."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.methods.comatch import memory
from suncet_jax.methods.fixmatch.method import pseudo_label_metrics
from suncet_jax.methods.supervised.method import classify
from suncet_jax.models import Outputs


class Seen(NamedTuple):
  """Outputs that the losses of a step are made of.

  Attributes:
    labelled: Outputs of the labelled views.
    strong: Outputs of the strong view, which has to agree.
    labelled_keys: Outputs of the labelled views, for the bank.
    weak: Outputs of the weak view, which makes pseudo-labels.
    other: Outputs of the third view, or None without a graph.
  """

  labelled: list[Outputs]
  strong: Outputs
  labelled_keys: list[Outputs]
  weak: Outputs
  other: Outputs | None


@dataclasses.dataclass(frozen=True)
class CoMatch(Method):
  """Li et al. 2021, arXiv 2011.11183.

  Its state has a part for each memory in use: "history", "bank", "graph_bank".

  Attributes:
    class_count: Number of classes.
    projection_size: Size of an embedding.
    bank_rows: Rows of each bank.
    threshold: Least confidence of a pseudo-label.
    unlabelled_weight: Factor of the pseudo-labels' cross-entropy.
    graph_weight: Factor of the graph's loss; 0: no graph.
    graph_weight_per_epoch: Rise of that factor, or 0.
    graph_threshold: Least agreement of neighbours.
    temperature: Temperature of similarities.
    smoothing: Share of an image's own prediction; 1: no bank.
    align_steps: Steps of the mean prediction; 0: no alignment.
  """

  class_count: int
  projection_size: int
  bank_rows: int
  threshold: float = 0.95
  unlabelled_weight: float = 1.0
  graph_weight: float = 1.0
  graph_weight_per_epoch: float = 0.0
  graph_threshold: float = 0.8
  temperature: float = 0.2
  smoothing: float = 0.9
  align_steps: int = 32

  def init(self, params: Any, batch_stats: Any) -> tuple[Any, Any]:
    """Returns the parameters as they are, and memories without a step."""
    del batch_stats
    state: dict[str, Any] = {}
    if self.align_steps:
      state["history"] = memory.empty_history(
        self.align_steps, self.class_count
      )
    if self.smoothing < 1:
      state["bank"] = self.empty_bank()
    return params, state

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the sum of the three losses; `aux` is the next state."""
    seen, batch_stats, state = self._see(
      params, batch_stats, method_state, views, encode, moment
    )
    value, metrics = classify(seen.labelled, views.labels, encode)
    predicted = jax.nn.softmax(jax.lax.stop_gradient(seen.weak["logits"]))
    mean = predicted.mean(axis=0)
    if "history" in state:
      state["history"] = memory.remember(state["history"], mean)
      mean = state["history"].mean
      predicted = memory.aligned(predicted, mean)
    pseudo_labels = self._smoothed(predicted, seen.weak, state, moment)
    consistency = encode.over_rows(
      functools.partial(losses.comatch_consistency, threshold=self.threshold)
    )(pseudo_labels, seen.strong["logits"])
    value += self.unlabelled_weight * consistency
    if seen.other is not None:
      graph = self._graph(seen.strong, seen.other, pseudo_labels, state, encode)
      value += self._graph_weight(moment) * graph
      metrics["comatch_graph"] = graph
    metrics |= {
      "comatch_consistency": consistency,
      **pseudo_label_metrics(pseudo_labels, mean, self.threshold),
    }
    state = self._pushed(state, seen, predicted, pseudo_labels, views.labels)
    return value, StepOutput(batch_stats, metrics, aux=state)

  def update(
    self, params: Any, method_state: Any, aux: Any, moment: Moment
  ) -> tuple[Any, Any]:
    """Returns the state that the loss made."""
    del method_state, moment
    return params, aux

  def _see(
    self,
    params: Any,
    batch_stats: Any,
    state: Mapping[str, Any],
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[Seen, Any, dict[str, Any]]:
    """Returns outputs of all views in one pass, new statistics, the state."""
    del moment
    outputs, batch_stats = encode(
      params, batch_stats, (*views.labelled, *views.unlabelled)
    )
    count = len(views.labelled)
    labelled, (weak, strong, *others) = outputs[:count], outputs[count:]
    other = others[0] if others else None
    return (
      Seen(labelled, strong, labelled, weak, other),
      batch_stats,
      dict(state),
    )

  def _smoothed(
    self,
    predicted: jax.Array,
    weak: Outputs,
    state: Mapping[str, Any],
    moment: Moment,
  ) -> jax.Array:
    """Mixes predictions with those of similar rows, once the bank is full."""
    if "bank" not in state:
      return predicted
    bank = state["bank"]
    similar = memory.neighbours(
      memory.unit(weak["projection"]), bank, self.temperature
    )
    mixed = self.smoothing * predicted + (1 - self.smoothing) * similar
    return jnp.where(self._is_smoothing(bank, moment), mixed, predicted)

  def _is_smoothing(self, bank: memory.Bank, moment: Moment) -> jax.Array:
    """Returns whether labels are smoothed: a step after the bank is full."""
    del moment
    # As published: from the seventh step on, with a bank of five steps.
    return bank.pushed > len(bank.rows)

  def _graph(
    self,
    strong: Outputs,
    other: Outputs,
    pseudo_labels: jax.Array,
    state: Mapping[str, Any],
    encode: Encode,
  ) -> jax.Array:
    """Returns the graph's loss."""
    stored = {}
    if "graph_bank" in state:
      bank = state["graph_bank"]
      stored = {
        "bank": bank.rows,
        "bank_probabilities": bank.labels,
        "bank_mask": bank.is_filled,
      }
    graph = functools.partial(
      losses.comatch_graph,
      threshold=self.graph_threshold,
      temperature=self.temperature,
      **stored,
    )
    return encode.over_rows(graph)(
      strong["projection"], other["projection"], pseudo_labels
    )

  def _graph_weight(self, moment: Moment) -> jax.Array | float:
    if not self.graph_weight_per_epoch:
      return self.graph_weight
    risen = self.graph_weight_per_epoch * (jnp.floor(moment.epoch) + 1)
    return jnp.minimum(risen, self.graph_weight)

  def _pushed(
    self,
    state: dict[str, Any],
    seen: Seen,
    predicted: jax.Array,
    pseudo_labels: jax.Array,
    labels: jax.Array | None,
  ) -> dict[str, Any]:
    """Returns the state with the rows of this step in its banks.

    Aligned predictions are pushed, not smoothed ones: errors would feed
    themselves.
    """
    if "bank" in state:
      keys = [seen.weak, *seen.labelled_keys]
      truth = jax.nn.one_hot(labels, self.class_count)
      state["bank"] = memory.push(
        state["bank"],
        memory.unit(jnp.concatenate([out["projection"] for out in keys])),
        jnp.concatenate([predicted, *[truth] * len(seen.labelled_keys)]),
      )
    if "graph_bank" in state and seen.other is not None:
      state["graph_bank"] = memory.push(
        state["graph_bank"],
        memory.unit(seen.other["projection"]),
        pseudo_labels,
      )
    return state

  def empty_bank(self) -> memory.Bank:
    """Returns a bank that no row is in yet."""
    return memory.empty_bank(
      self.bank_rows, self.projection_size, self.class_count
    )
