"""Semi-supervised contrastive pre-training in JAX.

`import suncet_jax` loads nothing else: `suncet_jax.losses` needs only JAX, and
who wants just a loss does not pay for TensorFlow, Flax or Orbax.
`suncet_jax.load_encoder` is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
  from suncet_jax.encoder import load_encoder

__all__ = ["load_encoder"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
  """Imports `load_encoder` when it is asked for (PEP 562)."""
  if name == "load_encoder":
    from suncet_jax.encoder import load_encoder

    return load_encoder
  raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
  """Lists what can be asked for, too."""
  return sorted({*globals(), *__all__})
