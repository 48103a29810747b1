"""Export of an encoder as a StableHLO program, by `jax.export`.

    import jax
    encode = jax.export.deserialize(open("encoder.stablehlo", "rb").read()).call
    features = encode(images)  # float32 [b, h, w, c] in [0, 1] -> [b, f]

With a classifier it gives its calibrated probabilities [b, c] instead, and a
JSON file beside it names the classes in their order.

The program does not need this package, runs on CPUs, GPUs (CUDA) and TPUs, and
accepts any number of images.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import export

from suncet_jax.convert.features import make_features, make_probabilities
from suncet_jax.convert.weights import Weights

_PLATFORMS = ("cpu", "cuda", "tpu")


def serialised(weights: Weights, size: int = 0) -> bytes:
  """Returns the exported encoder, or classifier, its weights included.

  Args:
    weights: Weights of the encoder.
    size: Height and width of the images; 0: those of `weights.images`.
  """
  side = size or weights.images.size
  # The handlers of oneDNN's convolution are registered in this process only.
  weights = weights._replace(model={**weights.model, "convolution": "xla"})
  (batch,) = export.symbolic_shape("b")
  exported = export.export(jax.jit(_program(weights)), platforms=_PLATFORMS)(
    jax.ShapeDtypeStruct(
      (batch, side, side, weights.images.channels), jnp.float32
    )
  )
  return bytes(exported.serialize())


def _program(weights: Weights) -> Callable[[jax.Array], jax.Array]:
  """Returns a function from images to probabilities, else to features."""
  params, batch_stats = weights.variables
  if weights.classifier is None:
    features = make_features(weights)
    return lambda images: features(params, batch_stats, images)
  arrays, classify = weights.classifier.arrays, make_probabilities(weights)
  return lambda images: classify((params, batch_stats), arrays, images)
