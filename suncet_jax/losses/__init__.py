"""Contrastive losses and diagnostics: pure functions that need only JAX.

    from suncet_jax import losses

    loss = losses.ntxent(view_1, view_2) + losses.suncet(labelled, labels)

Every function L2-normalises its rows, returns one scalar, and is the same under
`jax.jit`, inside `jax.shard_map` and inside `jax.pmap` (`axis_name=`). Axis
letters: n anchors, m keys (= n x devices), d embedding.
"""

from suncet_jax.losses.diagnostics import (
  alignment,
  contrastive_accuracy,
  uniformity,
)
from suncet_jax.losses.ntxent import ntxent
from suncet_jax.losses.suncet import suncet
from suncet_jax.losses.supcon import supcon

__all__ = [
  "alignment",
  "contrastive_accuracy",
  "ntxent",
  "suncet",
  "supcon",
  "uniformity",
]
