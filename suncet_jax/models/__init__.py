"""Encoders and projection heads; no other package imports `flax.linen`.

`build` makes a `Model` from the model part of a config. The rest of the code
sees only its methods (`init`, `apply`, `apply_backbone`) on plain dicts.
"""

from suncet_jax.models.build import build
from suncet_jax.models.model import Example, Head, Model, Network, Outputs

__all__ = ["Example", "Head", "Model", "Network", "Outputs", "build"]
