"""Encoders and projection heads; no other package imports `flax.linen`.

`build` turns the model part of a config into a `Model`, which is all that the
rest of the code sees: `init`, `apply` and `apply_backbone` on plain dicts.
"""

from suncet_jax.models.build import build
from suncet_jax.models.model import Head, Model, Network, Outputs

__all__ = ["Head", "Model", "Network", "Outputs", "build"]
