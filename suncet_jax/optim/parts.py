"""Optimisers by part of the parameters."""

from collections.abc import Mapping
from typing import Any

import optax

_OTHERS = ""  # the name of no part


def by_part(
  others: optax.GradientTransformation,
  parts: Mapping[str, optax.GradientTransformation],
) -> optax.GradientTransformation:
  """Returns an optimiser that moves some parts in ways of their own.

  Args:
    others: Optimiser of the parts that are not named.
    parts: Optimisers by the key of the part, such as "backbone" or "critic".
  """

  def labels(params: Any) -> dict[str, str]:
    return {name: name if name in parts else _OTHERS for name in params}

  return optax.partition({**parts, _OTHERS: others}, labels)
