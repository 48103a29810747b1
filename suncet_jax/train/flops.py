"""What training costs in floating-point operations, estimated."""

import functools

import jax
from ml_collections import ConfigDict

from suncet_jax import models

# The gradient needs the products of the forward pass twice: once for the
# inputs of a layer, once for its weights.
_FORWARD_PASSES = 3


@functools.cache
def _forward_flops(model: models.Model, shape: tuple[int, int, int]) -> float:
  """Returns the operations of one image's way through encoder and head."""
  params, batch_stats = jax.eval_shape(
    lambda key: model.init(key, shape), jax.random.key(0)
  )
  image = jax.ShapeDtypeStruct((1, *shape), "float32")
  forward = jax.jit(functools.partial(model.apply, train=False))
  analysis = forward.lower(params, batch_stats, image).cost_analysis()
  return (analysis or {})["flops"]


def training_flops(config: ConfigDict, shape: tuple[int, int, int]) -> float:
  """Estimates the operations of training on one view of one image.

  Three forward passes, as XLA counts the operations of one (a multiplication
  and an addition are two; products with padding are none). Left out, since
  they are small beside it: losses, augmentation, the optimiser.

  Args:
    config: `config.model`.
    shape: Of the view, (h, w, c).

  Returns:
    Floating-point operations.
  """
  countable = config.copy_and_resolve_references()
  countable.convolution = "xla"  # in a call to oneDNN XLA sees nothing
  return _FORWARD_PASSES * _forward_flops(models.build(countable), shape)
