"""Global-Local: which places sound, and when."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax import losses
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views
from suncet_jax.models import Outputs


class Compared(NamedTuple):
  """Embeddings of clips, as the losses and evaluations compare them.

  Attributes:
    audio: Sounds of whole clips [b, d].
    places: Places of whole clips [b, p, d].
    frames: Places of every frame [b, t, p, e].
    sounds: Sounds of every time [b, s, e].
  """

  audio: jax.Array
  places: jax.Array
  frames: jax.Array
  sounds: jax.Array


def compared(outputs: Outputs) -> Compared:
  """Returns the embeddings to compare.

  Args:
    outputs: Outputs of the network "global_local".
  """
  places = outputs["slow"].mean(axis=1)
  b, t, _, _, e = outputs["fast"].shape
  return Compared(
    audio=outputs["audio_global"].mean(axis=1),
    places=places.reshape(b, -1, places.shape[-1]),
    frames=outputs["fast"].reshape(b, t, -1, e),
    sounds=outputs["audio_local"],
  )


@dataclasses.dataclass(frozen=True)
class GlobalLocal(Method):
  """Ma et al. 2021, arXiv 2104.05418; in the form of the public code, or ours.

  Attributes:
    global_weight: Factor of the global loss; 0: it is left out.
    local_weight: Factor of the local loss; 0: it is left out.
    normalize: Whether embeddings are scaled to length 1.
    temperature: Temperature of both losses and of the attention.
  """

  global_weight: float = 1.0
  local_weight: float = 1.0
  normalize: bool = True
  temperature: float = 0.1

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the weighted sum of the global and the local loss."""
    del method_state
    (outputs,), batch_stats = encode(
      params, batch_stats, views.unlabelled, key=moment.key
    )
    rows = compared(outputs)
    options = self._options
    value, metrics = jnp.zeros(()), {}
    for name, weight, loss, arrays in (
      ("global_loss", self.global_weight, losses.mil_nce, rows[:2]),
      ("local_loss", self.local_weight, losses.audiovisual_local, rows),
    ):
      if weight:
        each = functools.partial(loss, **options)
        metrics[name] = encode.over_rows(each)(*arrays)
        value += weight * metrics[name]
    seen = jax.lax.stop_gradient(rows[:2])
    weights = losses.audiovisual_attention(*seen, **options)
    metrics["attention_peak"] = jnp.mean(jnp.max(weights, axis=1))
    return value, StepOutput(batch_stats, metrics)

  def measured(self, outputs: Outputs) -> dict[str, jax.Array]:
    """Returns where a clip sounds, and how its frames fit its sounds.

    Args:
      outputs: Outputs of the network "global_local".

    Returns:
      "attention" [b, p, q], weights of the places, and "synchrony" [b, t, t],
      scores of frame i with the sounds of frame j.
    """
    rows = compared(outputs)
    weights = losses.audiovisual_attention(*rows[:2], **self._options)
    scores = losses.audiovisual_synchrony(*rows, **self._options)
    grid = outputs["slow"].shape[2:4]
    return {
      "attention": weights.reshape(-1, *grid),
      "synchrony": scores,
    }

  @property
  def _options(self) -> dict[str, Any]:
    return {"normalize": self.normalize, "temperature": self.temperature}


def build(config: ConfigDict, class_count: int) -> GlobalLocal:
  """Builds Global-Local from `config.method`."""
  del class_count
  method = config.method
  return GlobalLocal(
    method.global_weight,
    method.local_weight,
    method.normalize,
    method.temperature,
  )
