"""Semi-supervised contrastive pre-training in JAX.

`import suncet_jax` loads nothing else: `suncet_jax.losses` needs only JAX, and
who wants just a loss does not pay for TensorFlow, Flax or Orbax.
"""

__version__ = "0.1.0"
