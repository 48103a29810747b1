"""Semi-supervised contrastive pre-training in JAX.

`import suncet_jax` loads nothing else: `suncet_jax.losses` needs only JAX, and
who wants just a loss does not pay for TensorFlow, Flax or Orbax.
`suncet_jax.losses`, `load_encoder` and `load_classifier` are loaded when they
are first asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from suncet_jax import losses
  from suncet_jax.classifier import load_classifier
  from suncet_jax.encoder import load_encoder

__all__ = ["load_classifier", "load_encoder", "losses"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
  """Imports a public name when it is asked for (PEP 562)."""
  if name == "losses":
    return importlib.import_module("suncet_jax.losses")
  if name == "load_encoder":
    from suncet_jax.encoder import load_encoder

    return load_encoder
  if name == "load_classifier":
    from suncet_jax.classifier import load_classifier

    return load_classifier
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
  """Lists what can be asked for, too."""
  return sorted({*globals(), *__all__})
