"""LiRA: frames of a mouth predict the sound that belongs to them."""

from typing import Any

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax.data.clips.clip import AUDIO
from suncet_jax.methods.base import Encode, Method, Moment, StepOutput, Views


class LiRA(Method):
  """Ma et al. 2021, arXiv 2106.09171, with log energies as the target.

  The paper's target are features of PASE+, whose weights are not to be had.
  """

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the mean distance of predicted and heard sound."""
    del method_state
    (outputs,), batch_stats = encode(
      params, batch_stats, views.unlabelled, key=moment.key
    )
    (view,) = views.unlabelled
    # Columns of a frame lie side by side: [b, t, r m] as [b, t r, m].
    predicted = outputs["acoustic"].reshape(view[AUDIO].shape)
    value = jnp.mean(jnp.abs(predicted - view[AUDIO]))
    return value, StepOutput(
      batch_stats,
      {
        "lira_error": value,
        "lira_silence": jnp.mean(jnp.abs(view[AUDIO])),
      },
    )


def build(config: ConfigDict, class_count: int) -> LiRA:
  """Builds LiRA, which has no fields."""
  del config, class_count
  return LiRA()
