"""Learning rates by depth, and layers that stay as they are.

Depth is told by the names of a backbone's parameters: its blocks, such as
"stage2_block1" or "block7", count from 1 on, what comes before them is 0, and a
norm after the last of them is as deep as the heads.
"""

import re
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from suncet_jax import lora
from suncet_jax.errors import UserError

# Number of frozen blocks that stands for the whole backbone.
WHOLE = -1

_BACKBONE = "backbone"
_BLOCK = re.compile(r"(?:stage(\d+)_)?block(\d+)")
_AFTER = re.compile(r"(?:final_)?norm")


def depths(names: Iterable[str]) -> tuple[dict[str, int], int]:
  """Returns the depth of each part of a backbone, and that of the heads.

  Args:
    names: Names of the parts, such as "stem" and "stage1_block1".

  Returns:
    Depths by name, and the number of blocks plus 1.
  """
  every = list(names)
  found = {name: _BLOCK.fullmatch(name) for name in every}
  blocks = sorted(
    (int(match[1] or 0), int(match[2]), name)
    for name, match in found.items()
    if match
  )
  last = len(blocks) + 1
  by_name = {name: last if _AFTER.fullmatch(name) else 0 for name in every}
  by_name |= {name: i for i, (*_, name) in enumerate(blocks, 1)}
  return by_name, last


def rate_factors(
  params: Any, *, layer_decay: float = 1.0, frozen_blocks: int = 0
) -> Any:
  """Returns the factor of the learning rate of each parameter.

  Bao et al. 2022 (arXiv 2106.08254) and others decay the rate from the head
  down: a layer of depth d gets `layer_decay ** (depth of the heads - d)`.

  Args:
    params: Parameters by part: "backbone", and heads. With adapters
      (`suncet_jax.lora`) these have the rates of the backbone, which stays.
    layer_decay: Factor of the rate from a block to the one before it.
    frozen_blocks: Number of first blocks whose factor is 0, with all before
      them; 0: none, `WHOLE`: the whole backbone.

  Returns:
    A tree of numbers like `params`; 0: the parameter stays as it is.

  Raises:
    UserError: If there are fewer blocks.
  """
  by_name, last = depths(params[_BACKBONE])
  if frozen_blocks >= last:
    raise UserError(
      f"frozen_blocks is {frozen_blocks}, but the backbone has {last - 1} "
      f"blocks; expected at most these, or {WHOLE} for all of the backbone."
    )

  trained = lora.PART if lora.PART in params else _BACKBONE

  def factor(path: tuple[Any, ...], leaf: jax.Array) -> float:
    del leaf
    part, *rest = (entry.key for entry in path)
    if part not in (_BACKBONE, lora.PART):
      return 1.0
    if part != trained or rest == [lora.SCALE]:
      return 0.0
    depth = by_name[rest[0]]
    is_frozen = frozen_blocks == WHOLE or (0 < frozen_blocks >= depth)
    return 0.0 if is_frozen else layer_decay ** (last - depth)

  return jax.tree.map_with_path(factor, params)


def by_depth(
  *, layer_decay: float = 1.0, frozen_blocks: int = 0
) -> optax.GradientTransformation:
  """Returns the last part of an optimiser: updates times `rate_factors`.

  Args:
    layer_decay: See `rate_factors`.
    frozen_blocks: See `rate_factors`; their updates are exactly 0, decay and
      momentum included.
  """

  def scaled(updates: Any, params: Any) -> Any:
    factors = rate_factors(
      params, layer_decay=layer_decay, frozen_blocks=frozen_blocks
    )
    return jax.tree.map(
      lambda x, factor: x * factor if factor else jnp.zeros_like(x),
      updates,
      factors,
    )

  return optax.stateless(scaled)


def on_trained(
  optimizer: optax.GradientTransformation, *, frozen_blocks: int = 0
) -> optax.GradientTransformation:
  """Returns an optimiser that has a state of what is trained, and no more.

  Args:
    optimizer: Optimiser of what is trained; all else stays to the bit.
    frozen_blocks: See `rate_factors`.
  """

  def names(params: Any) -> Any:
    factors = rate_factors(params, frozen_blocks=frozen_blocks)
    return jax.tree.map(lambda factor: "trained" if factor else "kept", factors)

  return optax.partition(
    {"trained": optimizer, "kept": optax.set_to_zero()}, names
  )


def held(params: Any, frozen_blocks: int) -> Any:
  """Returns parameters of which the frozen ones have no gradient.

  Args:
    params: Parameters by part.
    frozen_blocks: See `rate_factors`.
  """
  factors = rate_factors(params, frozen_blocks=frozen_blocks)
  return jax.tree.map(
    lambda x, factor: x if factor else jax.lax.stop_gradient(x), params, factors
  )
