"""Low-rank adapters: what training adds to kernels that stay.

Hu et al. 2022 (arXiv 2106.09685): a kernel W becomes W + (alpha / r) A B, with
A drawn and B zero, so that training begins with the network as it is.

In the parameters of a run they are a part of their own, "adapters": a tree like
the backbone's, with A and B as "down" and "up" of each kernel, and the quotient
as "scale", so that whoever has the parameters can add them up.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from suncet_jax.errors import UserError

# Keys of the parts in the parameters of a run.
PART, _BACKBONE = "adapters", "backbone"
SCALE = "scale"

_KERNEL = "kernel"


def adapters(
  params: Any, *, rank: int, alpha: float, key: jax.Array
) -> dict[str, Any]:
  """Returns adapters of all kernels, whose inputs are all axes but the last.

  Args:
    params: Parameters of a network, nested dicts.
    rank: Rank r of the adapters.
    alpha: Number whose quotient with the rank scales them.
    key: PRNG key.

  Raises:
    UserError: If the rank is as high as that of every kernel.
  """
  made: dict[str, Any] = {}
  for number, (path, leaf) in enumerate(jax.tree.leaves_with_path(params)):
    *groups, name = (entry.key for entry in path)
    if name != _KERNEL or min(_inputs(leaf), leaf.shape[-1]) <= rank:
      continue
    inputs = _inputs(leaf)
    down = jax.random.normal(
      jax.random.fold_in(key, number), (inputs, rank), leaf.dtype
    )
    place = made
    for group in groups:
      place = place.setdefault(group, {})
    place[name] = {
      "down": down / jnp.sqrt(jnp.asarray(inputs, leaf.dtype)),
      "up": jnp.zeros((rank, leaf.shape[-1]), leaf.dtype),
    }
  if not made:
    raise UserError(
      f"lora_rank is {rank}, but no kernel has a higher rank; expected less."
    )
  dtype = jax.tree.leaves(made)[0].dtype
  return {**made, SCALE: jnp.asarray(alpha / rank, dtype)}


def merged(params: Any, added: Mapping[str, Any]) -> Any:
  """Returns parameters with their adapters added.

  Args:
    params: Parameters that the adapters were made for.
    added: Adapters.
  """

  def with_adapter(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
    adapter = _at(added, path)
    if adapter is None:
      return leaf
    product = jnp.dot(
      adapter["down"], adapter["up"], precision=jax.lax.Precision.HIGHEST
    )
    return leaf + added[SCALE] * product.reshape(leaf.shape)

  return jax.tree.map_with_path(with_adapter, params)


def whole(params: Mapping[str, Any]) -> Mapping[str, Any]:
  """Returns the parameters of a run with its adapters added to the backbone.

  Args:
    params: Parameters by part; without adapters they are returned as they are.
  """
  if PART not in params:
    return params
  others = {name: tree for name, tree in params.items() if name != PART}
  return {**others, _BACKBONE: merged(params[_BACKBONE], params[PART])}


def rates(added: Mapping[str, Any], scales: Any) -> Any:
  """Returns a factor of the learning rate for each array of the adapters.

  Args:
    added: Adapters.
    scales: Factor of all, or a tree of factors like the parameters. The scale
      of the adapters stays: its factor is 0.
  """

  def rate(path: tuple[Any, ...], leaf: jax.Array) -> float:
    del leaf
    if path[-1].key == SCALE:
      return 0.0
    is_one = isinstance(scales, int | float)
    return scales if is_one else _at(scales, path[:-1])

  return jax.tree.map_with_path(rate, dict(added))


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
  """Returns what a nested dict has at a path; None if it ends before."""
  for entry in path:
    if tree is None:
      return None
    tree = tree.get(entry.key)
  return tree


def _inputs(kernel: jax.Array) -> int:
  return kernel.size // kernel.shape[-1]
