"""Optimisers of the recipes, built from optax."""

from suncet_jax.optim.adaptive import Predicate, is_matrix, larc, lars
from suncet_jax.optim.build import make_optimizer
from suncet_jax.optim.depth import (
  WHOLE,
  by_depth,
  depths,
  held,
  on_trained,
  rate_factors,
)
from suncet_jax.optim.parts import by_part
from suncet_jax.optim.schedules import cosine_7_16, warmup_cosine

__all__ = [
  "WHOLE",
  "Predicate",
  "by_depth",
  "by_part",
  "cosine_7_16",
  "depths",
  "held",
  "is_matrix",
  "larc",
  "lars",
  "make_optimizer",
  "on_trained",
  "rate_factors",
  "warmup_cosine",
]
