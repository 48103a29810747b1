"""Low-rank adapters: what fine-tuning adds to kernels that stay.

Hu et al. 2022 (arXiv 2106.09685): a kernel W becomes W + (alpha / r) A B, with
A drawn and B zero, so that training begins with the network as it is.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax.errors import UserError
from suncet_jax.evals._classifier import is_kernel

# By the path of their kernel: A [inputs, r] and B [r, outputs].
Adapters = Mapping[str, Mapping[str, jax.Array]]


def adapters(params: Any, rank: int, key: jax.Array) -> Adapters:
  """Returns adapters of all kernels, whose inputs are all axes but the last.

  Args:
    params: Parameters of a network.
    rank: Rank r of the adapters.
    key: PRNG key.

  Raises:
    UserError: If the rank is as high as that of every kernel.
  """
  made = {}
  for number, (path, leaf) in enumerate(jax.tree.leaves_with_path(params)):
    is_low = min(_inputs(leaf), leaf.shape[-1]) <= rank
    if is_low or not is_kernel(path):
      continue
    inputs = _inputs(leaf)
    down = jax.random.normal(
      jax.random.fold_in(key, number), (inputs, rank), leaf.dtype
    )
    made[jax.tree_util.keystr(path)] = {
      "down": down / jnp.sqrt(jnp.asarray(inputs, leaf.dtype)),
      "up": jnp.zeros((rank, leaf.shape[-1]), leaf.dtype),
    }
  if not made:
    raise UserError(
      f"lora_rank is {rank}, but no kernel has a higher rank; expected less."
    )
  return made


def merged(params: Any, added: Adapters, scale: float) -> Any:
  """Returns parameters with their adapters added.

  Args:
    params: Parameters that the adapters were made for.
    added: Adapters.
    scale: Factor of the products, alpha / r.
  """

  def with_adapter(path: Any, leaf: jax.Array) -> jax.Array:
    adapter = added.get(jax.tree_util.keystr(path))
    if adapter is None:
      return leaf
    product = jnp.dot(
      adapter["down"], adapter["up"], precision=jax.lax.Precision.HIGHEST
    )
    return leaf + scale * product.reshape(leaf.shape)

  return jax.tree.map_with_path(with_adapter, params)


def scales_of(added: Adapters, scales: Any) -> Any:
  """Returns a factor of the learning rate for each array of the adapters.

  Args:
    added: Adapters.
    scales: Factor of all, or a tree of factors like the parameters.
  """
  if isinstance(scales, int | float):
    return scales
  by_path = {
    jax.tree_util.keystr(path): factor
    for path, factor in jax.tree.leaves_with_path(scales)
  }
  return {
    name: dict.fromkeys(adapter, by_path[name])
    for name, adapter in added.items()
  }


def _inputs(kernel: jax.Array) -> int:
  return kernel.size // kernel.shape[-1]
